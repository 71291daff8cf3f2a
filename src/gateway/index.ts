export {
  defaultGatewayLimits,
  type GatewayInformers,
  type GatewayLimits,
  type GatewayOptions,
} from './gateway-options.ts';
export { runGateway } from './run-gateway.ts';
