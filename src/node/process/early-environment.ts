/**
 * Variables that tell a loader, a C library or a shell what to do before the first line of a program,
 * or where programs are found. What glibc ignores in setuid programs (ld.so(8), "secure-execution
 * mode"), and what shells read when they start.
 */
const early =
  /^(PATH|LD_.*|DYLD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_.*|NIS_PATH|NLSPATH|RESOLV_HOST_CONF|RES_OPTIONS|TMPDIR|TZDIR|ENV|BASH_.*|BASHOPTS|SHELLOPTS|IFS|PS4)$/;

export interface Start {
  readonly argv: readonly string[];
  readonly env: ReadonlyMap<string, string>;
}

/**
 * The command behind words that give up rights (`wrap`, which may be none).
 *
 * The shim and the words before the command run with the rights of the agent, and must not be led by
 * what a pod's manifest says: such variables are set by `env`, once the rights are gone.
 */
export function behind(wrap: readonly string[], { argv, env }: Start, path: string): Start {
  if (wrap.length === 0) return { argv, env };
  const outer = new Map([...env].filter(([name]) => !early.test(name)));
  outer.set('PATH', path);
  const later = [...env].filter(([name, value]) => early.test(name) && outer.get(name) !== value);
  if (later.length === 0) return { argv: [...wrap, ...argv], env: outer };
  const settings = later.map(([name, value]) => `${name}=${value}`);
  // A program whose path holds "=" would be taken for one more variable.
  const isPlain = argv[0]?.includes('=') === false;
  const command = isPlain ? argv : ['/bin/sh', '-c', 'exec "$@"', 'sh', ...argv];
  return { argv: [...wrap, 'env', ...settings, ...command], env: outer };
}
