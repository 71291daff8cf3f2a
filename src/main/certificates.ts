import { issuePki } from './pki.ts';

/**
 * Makes a home's certificates in a process of its own, since the library that issues them takes
 * memory that a supervisor which lives for weeks should not hold.
 */
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('Usage: certificates FOLDER');
await issuePki(folder);
