import { readFileSync } from 'node:fs';
import type { Ids } from '../lib/ids.ts';
import { HomeError, writeAtomically } from './home.ts';

export interface Credential {
  readonly user: string;
  readonly groups: readonly string[];
  readonly token: string;
}

/** The bearer tokens of a home: who may call the API server, and how it calls the node agent. */
export interface Credentials {
  readonly admin: Credential;
  readonly gateway: Credential;
  readonly node: Credential;
  /** What the API server shows to the node agent when it fetches logs. */
  readonly nodeApi: Credential;
}

const tokenBytes = 32;

const accounts = {
  admin: { user: 'nought-admin', groups: ['system:masters', 'system:authenticated'] },
  gateway: { user: 'system:nought:gateway', groups: ['system:masters', 'system:authenticated'] },
  node: {
    user: 'system:node:nought',
    groups: ['system:masters', 'system:nodes', 'system:authenticated'],
  },
  nodeApi: { user: 'system:nought:apiserver', groups: ['system:authenticated'] },
} as const;

/** Reads the home's tokens, making them on the first start. The file is 0600. */
export function loadCredentials(path: string, ids: Ids): Credentials {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new HomeError(`Cannot read "${path}": ${(error as Error).message}`, { cause: error });
    }
    text = JSON.stringify(
      Object.fromEntries(Object.keys(accounts).map((name) => [name, ids.secret(tokenBytes)])),
      null,
      2,
    );
    writeAtomically(path, `${text}\n`, 0o600);
  }
  const tokens = parseTokens(path, text);
  const credential = (name: keyof typeof accounts): Credential => ({
    ...accounts[name],
    token: tokens[name] as string,
  });
  return {
    admin: credential('admin'),
    gateway: credential('gateway'),
    node: credential('node'),
    nodeApi: credential('nodeApi'),
  };
}

function parseTokens(path: string, text: string): Record<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HomeError(`Cannot use "${path}": it is no JSON; delete it to have new tokens made`, {
      cause: error,
    });
  }
  const tokens = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  for (const name of Object.keys(accounts)) {
    const token = tokens[name];
    if (typeof token !== 'string' || token.length < tokenBytes) {
      throw new HomeError(
        `Cannot use "${path}": "${name}" holds no token; delete the file to have new tokens made`,
      );
    }
  }
  return tokens as Record<string, string>;
}
