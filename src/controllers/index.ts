export { EarlyPlacement } from './scheduler/early-placement.ts';
export { type ControllersOptions, runControllers } from './run-controllers.ts';
