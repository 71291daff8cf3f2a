import { pino, type Logger } from 'pino';
import type { Log, LogFields } from '../lib/log.ts';

/** JSON lines on stderr, one per event; `$NOUGHT_LOG_LEVEL` picks the level (default `info`). */
export function createLog(component: string): Log {
  const logger = pino(
    {
      level: process.env['NOUGHT_LOG_LEVEL'] ?? 'info',
      base: { component },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 2, sync: true }),
  );
  return adapt(logger);
}

function adapt(logger: Logger): Log {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields?: LogFields): void => {
      if (fields === undefined) logger[level](message);
      else logger[level](fields, message);
    };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => adapt(logger.child(fields)),
  };
}
