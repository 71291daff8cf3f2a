/** Says that a store cannot be opened, why, and what to do about it. */
export function cannotOpen(path: string, state: string, advice: string, cause?: unknown): Error {
  return new Error(`Cannot open store "${path}": ${state}; ${advice}`, { cause });
}

/** Says that a store's data file is damaged. */
export function corruptStore(path: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return cannotOpen(
    path,
    `its data file is damaged (${reason})`,
    'restore "data.mdb" from a copy, or move the folder away to start empty',
    cause,
  );
}

/** Says why LMDB cannot open a store: its own codes mean damage, all others are the system's. */
export function lmdbError(path: string, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('MDB_')) return corruptStore(path, error);
  return cannotOpen(path, `LMDB says "${message}"`, 'see to that and start again', error);
}
