/** The Kubernetes version whose API this server speaks. */
const major = '1';
const minor = '36';

/** The document of /version (version.Info). */
export function versionInfo(softwareVersion: string): unknown {
  return {
    major,
    minor,
    gitVersion: `v${major}.${minor}.0+nought-${softwareVersion}`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: 'node',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
