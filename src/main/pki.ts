import { existsSync, readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { HomeError, writeAtomically } from './home.ts';

/** PEM texts: the cluster's certificate authority, and the certificate that its servers show. */
export interface Pki {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface PkiPaths extends Pki {
  readonly gatewayCert: string;
  readonly gatewayKey: string;
}

const dayMs = 86_400_000;
const validDays = 3650;
const renewBeforeDays = 30;

/** Reads the certificates of `folder`; undefined when there are none yet or they are about to expire. */
export function loadPki(folder: string): Pki | undefined {
  const paths = pkiPaths(folder);
  if (!Object.values(paths).every((path) => existsSync(path))) return undefined;
  const pki = readPki(paths);
  const leftMs = new X509Certificate(pki.cert).validToDate.getTime() - Date.now();
  return leftMs > renewBeforeDays * dayMs ? pki : undefined;
}

/** Makes new certificates in `folder`, the authority's included. */
export async function issuePki(folder: string): Promise<void> {
  const paths = pkiPaths(folder);
  const pki = await issue();
  // The authority's key is not kept: with the authority, what it signed is replaced.
  writeAtomically(paths.ca, pki.ca, 0o644);
  writeAtomically(paths.key, pki.key, 0o600);
  writeAtomically(paths.gatewayKey, pki.gateway.key, 0o600);
  writeAtomically(paths.gatewayCert, pki.gateway.cert, 0o644);
  writeAtomically(paths.cert, pki.cert, 0o644);
}

/** The files of the certificate that the gateway shows; its key is no other server's. */
export function gatewayCertificate(folder: string): {
  readonly certFile: string;
  readonly keyFile: string;
} {
  const { gatewayCert: certFile, gatewayKey: keyFile } = pkiPaths(folder);
  return { certFile, keyFile };
}

function pkiPaths(folder: string): PkiPaths {
  return {
    ca: join(folder, 'ca.crt'),
    cert: join(folder, 'server.crt'),
    key: join(folder, 'server.key'),
    gatewayCert: join(folder, 'gateway.crt'),
    gatewayKey: join(folder, 'gateway.key'),
  };
}

function readPki(paths: Pki): Pki {
  const read = (path: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      throw new HomeError(`Cannot read "${path}": ${(error as Error).message}`, { cause: error });
    }
  };
  const pki = { ca: read(paths.ca), cert: read(paths.cert), key: read(paths.key) };
  try {
    const cert = new X509Certificate(pki.cert);
    if (!cert.verify(new X509Certificate(pki.ca).publicKey)) {
      throw new Error('server.crt is not signed by ca.crt');
    }
  } catch (error) {
    throw new HomeError(
      `Cannot use the certificates beside "${paths.ca}": ${(error as Error).message}; delete them to have new ones made`,
      { cause: error },
    );
  }
  return pki;
}

/** What the API server and the node agent are called. */
const serverNames: readonly Name[] = [
  { type: 'ip', value: '127.0.0.1' },
  { type: 'dns', value: 'localhost' },
  { type: 'dns', value: 'kubernetes' },
  { type: 'dns', value: 'kubernetes.default.svc' },
];

/**
 * What the gateway is called. A wildcard stands for one label, so hosts NAME.NS.localhost need one per
 * namespace; and many clients take none directly below a top-level domain.
 */
const gatewayNames: readonly Name[] = [
  { type: 'ip', value: '127.0.0.1' },
  { type: 'dns', value: 'localhost' },
  { type: 'dns', value: '*.localhost' },
  { type: 'dns', value: '*.default.localhost' },
];

interface Name {
  readonly type: 'ip' | 'dns';
  readonly value: string;
}

interface PemPair {
  readonly cert: string;
  readonly key: string;
}

/** Issues an authority and the servers' certificates: ECDSA P-256, RFC 5280 profile. */
async function issue(): Promise<Pki & { readonly gateway: PemPair }> {
  // Loaded here, for only the first start of a home needs it.
  // tsyringe, below @peculiar/x509, wants this polyfill to be there first.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
  const { subtle } = globalThis.crypto;
  const authorityKeys = await subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const common = {
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + validDays * dayMs),
    signingAlgorithm: algorithm,
  };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    name: 'CN=nought',
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const issueServer = async (subject: string, names: readonly Name[]): Promise<PemPair> => {
    const keys = await subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      ...common,
      subject,
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: authorityKeys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([...names]),
        await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
      ],
    });
    const pkcs8 = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey));
    return {
      cert: `${certificate.toString('pem')}\n`,
      key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    };
  };
  return {
    ca: `${ca.toString('pem')}\n`,
    ...(await issueServer('CN=nought-server', serverNames)),
    gateway: await issueServer('CN=nought-gateway', gatewayNames),
  };
}
