/** An endpoint whose address was checked at the start is called at that address, whatever its name says by now. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connectUpstream } from '../../src/upstream/connect.ts';

let server: Server;
let port: number;
const hosts: (string | undefined)[] = [];
beforeEach(async () => {
  server = createServer((request: IncomingMessage, response) => {
    hosts.push(request.headers.host);
    response.writeHead(503).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

it.each(['http', 'sse'] as const)('is reached by a name that resolves to nothing (%s), and is told that name', async (kind) => {
  const endpoint = { kind, url: `http://service.invalid:${port}/mcp`, headers: {}, address: '127.0.0.1' };
  const upstream = connectUpstream(endpoint, { instanceId: 'r-1', maxMessageBytes: 1 << 20 });
  await expect(upstream.connect(5_000)).rejects.toMatchObject({ message: expect.stringContaining('503') as string });
  expect(hosts.splice(0)).toContain(`service.invalid:${port}`);
  await upstream.close();
});
