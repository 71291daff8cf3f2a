export type { GatewayInformers, GatewayLimits, GatewayOptions } from './gateway-options.ts';
export { runGateway } from './run-gateway.ts';
