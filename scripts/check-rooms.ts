import { fileURLToPath } from 'node:url';
import { checkRooms } from './rooms.ts';

const violations = checkRooms(fileURLToPath(new URL('../src', import.meta.url)));
for (const { file, line, message } of violations) console.error(`src/${file}:${line}: ${message}`);
if (violations.length > 0) process.exitCode = 1;
