export { FunctionsMetrics } from './functions-metrics.ts';
export { type FunctionsOptions, runFunctions } from './run-functions.ts';
