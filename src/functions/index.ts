export { type FunctionsOptions, runFunctions } from './run-functions.ts';
