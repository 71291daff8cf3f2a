/** Structured fields of one log line; values must be JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What every room logs to; `main/` decides where lines go. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with fields added to each of its lines. */
  child(fields: LogFields): Log;
}

/** A log that keeps nothing, for tests and for commands that print their own output. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
