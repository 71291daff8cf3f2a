import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key and a certificate that nobody has signed, in PEM. */
export async function makeCertificate(): Promise<{ key: string; cert: string }> {
  const made = await mkdtemp(join(tmpdir(), 'nought-tls-'));
  const [key, cert] = [join(made, 'key'), join(made, 'cert')];
  const subject = ['-subj', '/CN=node', '-days', '1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  const tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
  await rm(made, { recursive: true });
  return tls;
}
