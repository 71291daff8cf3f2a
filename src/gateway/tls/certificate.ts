import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';

/** PEM files: the certificate with its chain, and its private key. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** PEM texts. */
export interface PemPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** How often the files are looked at. */
const checkMs = 2000;

/**
 * A certificate in files, taken again when they change.
 *
 * Invariant: what it hands on fits its key; files that do not leave the last pair in force.
 */
export class Certificate {
  readonly #files: CertificateFiles;
  #version: string;
  /** As it was read first. */
  readonly pair: PemPair;

  private constructor(files: CertificateFiles, pair: PemPair, version: string) {
    this.#files = files;
    this.pair = pair;
    this.#version = version;
  }

  /** Reads the files; rejects with words for what is wrong with them. */
  static async open(files: CertificateFiles): Promise<Certificate> {
    const version = await versionOf(files);
    return new Certificate(files, await read(files), version);
  }

  /** Looks after the files until the signal aborts, and hands on what they become. */
  async run(
    services: { readonly clock: Clock; readonly log: Log },
    renewed: (pair: PemPair) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log } = services;
    let told = '';
    while (!signal.aborted) {
      await clock.sleep(checkMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        const pair = await this.#renew();
        told = '';
        if (pair === undefined) continue;
        renewed(pair);
        log.info('A new certificate is in force', { ...this.#files });
      } catch (error) {
        const { message } = error as Error;
        if (message !== told) log.warn('The certificate stays the one before', { error: message });
        told = message;
      }
    }
  }

  async #renew(): Promise<PemPair | undefined> {
    const version = await versionOf(this.#files);
    if (version === this.#version) return undefined;
    // Also when the pair is no good: it is told once, and read again when the files change again.
    this.#version = version;
    return await read(this.#files);
  }
}

/** Changes whenever a file was written or replaced, also by a link to another one. */
async function versionOf({ certFile, keyFile }: CertificateFiles): Promise<string> {
  const stats = await Promise.all(
    [certFile, keyFile].map(async (path) => {
      try {
        return await stat(path);
      } catch (error) {
        throw new Error(`Cannot read "${path}": ${(error as Error).message}`, { cause: error });
      }
    }),
  );
  return stats.map(({ ino, size, mtimeMs }) => `${ino}-${size}-${mtimeMs}`).join(' ');
}

async function read({ certFile, keyFile }: CertificateFiles): Promise<PemPair> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      throw new Error(`the key in "${keyFile}" is not that of the certificate`);
    }
    return { cert, key };
  } catch (error) {
    throw new Error(`Cannot use the certificate "${certFile}": ${(error as Error).message}`, {
      cause: error,
    });
  }
}
