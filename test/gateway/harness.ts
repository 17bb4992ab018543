/** A gateway over real Upstreams in one process: what the host does, without processes, for suites that only need HTTP services. */
import { createGateway } from '../../src/gateway/gateway.ts';
import type { GatewayInstance } from '../../src/ports/gateway.ts';
import type { Endpoint } from '../../src/ports/runtime.ts';
import { connectUpstream } from '../../src/upstream/connect.ts';
import { planOf, systemClock, type PlanShape } from './world.ts';

export interface Served {
  readonly plan: PlanShape;
  readonly endpoint: Endpoint;
}

/** Connects to each service, takes its Contract and serves it. */
export async function serveThrough(services: readonly Served[]): Promise<{ url: string; close: () => Promise<void> }> {
  const gateway = createGateway({ clock: systemClock });
  const upstreams = await Promise.all(
    services.map(async ({ plan, endpoint }) => {
      const upstream = connectUpstream(endpoint, { instanceId: `${plan.service}-1`, maxMessageBytes: 16 << 20 });
      await upstream.connect(10_000);
      const instance: GatewayInstance = { id: upstream.instanceId, revision: 'r1', upstream, contract: await upstream.contract(10_000) };
      gateway.apply(planOf(plan, [instance]), [instance]);
      return upstream;
    }),
  );
  const { url } = await gateway.listen({ host: '127.0.0.1', port: 0 });
  return {
    url,
    close: async () => {
      await gateway.close(0);
      await Promise.all(upstreams.map((upstream) => upstream.close()));
    },
  };
}
