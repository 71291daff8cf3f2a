import { createClient, httpTransport } from '../client/index.ts';
import { runGateway } from '../gateway/index.ts';
import { systemClock } from '../lib/clock.ts';
import { randomIds } from '../lib/ids.ts';
import { type ChildContext, runAsChild } from './child-main.ts';
import type { GatewayConfig } from './config.ts';
import { gatewayTelemetry } from './gateway-telemetry.ts';
import { openLifetime } from './lifetime.ts';

/** A process that serves functions' callers. */
async function gateway(config: GatewayConfig, context: ChildContext): Promise<void> {
  const { log, signal, ready } = context;
  using transport = httpTransport({ ...config.api, userAgent: 'nought-gateway' });
  // The client lives on while the gateway drains.
  using lifetime = openLifetime();
  await runGateway(
    {
      client: createClient(transport, lifetime.signal),
      host: config.host,
      port: config.port,
      reusePort: config.reusePort,
      peers: config.reusePort,
      gateway: config.gateway,
      limits: config.limits,
      ...(config.tls === undefined ? {} : { tls: config.tls }),
      telemetry: gatewayTelemetry(config, log),
      clock: systemClock,
      ids: randomIds,
      log,
      onListening: ({ address, port }) => ready({ url: `http://${address}:${port}` }),
    },
    signal,
  );
}

runAsChild('gateway', gateway);
