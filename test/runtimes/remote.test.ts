import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RemoteRun } from '../../src/model/revision.ts';
import type { RunningInstance } from '../../src/ports/runtime.ts';
import { systemClock } from '../../src/processes/clock.ts';
import { isSpecialAddress } from '../../src/runtimes/addresses.ts';
import { createRemoteRuntime } from '../../src/runtimes/remote.ts';

let server: Server;
let port: number;
beforeEach(async () => {
  server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

function start(url: string, allowPrivate: boolean, addresses?: string[]): Promise<RunningInstance> {
  const run: RemoteRun = {
    runtime: 'remote',
    transport: 'http',
    url,
    headers: { 'x-key': 'v' },
    allowPrivate,
    exclusive: false,
    maxMessageBytes: 1 << 20,
  };
  const lookup = async (): Promise<string[]> => {
    if (addresses === undefined) throw new Error('ENOTFOUND');
    return addresses;
  };
  return createRemoteRuntime({ clock: systemClock, lookup }).start({
    instanceId: 'r-1',
    service: 'r',
    revision: { name: 'r-0', hash: '0', run },
    startTimeoutMs: 2_000,
    stopTimeoutMs: 1_000,
  });
}

describe('a remote endpoint', () => {
  it('is looked up once: the address that was checked is handed on', async () => {
    const running = await start(`http://svc.example:${port}/mcp`, true, ['127.0.0.1']);
    expect(running).toMatchObject({ pid: null, port: null });
    expect(running.endpoint).toEqual({
      kind: 'http',
      url: `http://svc.example:${port}/mcp`,
      headers: { 'x-key': 'v' },
      address: '127.0.0.1',
    });
    await running.stop();
    expect((await running.ended).code).toBe('Exited');
  });

  it.each([
    ['a private address', ['10.1.2.3']],
    ['a public and a metadata address', ['93.184.215.14', '169.254.169.254']],
    ['loopback by way of IPv6', ['::ffff:127.0.0.1']],
  ])('is refused at %s unless that is allowed', async (_, addresses) => {
    await expect(start('http://svc.example/mcp', false, addresses)).rejects.toMatchObject({ code: 'AddressRefused' });
  });

  it.each(['http://127.0.0.1/mcp', 'http://[::1]/mcp', 'http://2130706433/mcp', 'http://0x7f.1/mcp', 'https://169.254.169.254/latest'])(
    'is refused at the literal %s',
    async (url) => {
      await expect(start(url, false)).rejects.toMatchObject({ code: 'AddressRefused' });
    },
  );

  it('whose name does not resolve, or where nothing accepts, cannot be connected to', async () => {
    await expect(start('http://svc.example/mcp', true)).rejects.toMatchObject({ code: 'ConnectFailed' });
    await new Promise((resolve) => server.close(resolve));
    await expect(start(`http://127.0.0.1:${port}/mcp`, true)).rejects.toMatchObject({ code: 'ConnectFailed' });
    server.listen(0);
    await once(server, 'listening');
  });
});

describe('addresses that no public service has', () => {
  it.each(['0.0.0.0', '10.0.0.1', '100.64.0.1', '127.9.9.9', '172.31.255.255', '192.168.1.1', '224.0.0.1', '255.255.255.255'])(
    '%s is one',
    (address) => expect(isSpecialAddress(address)).toBe(true),
  );
  it.each([
    '::',
    '::1',
    'fe80::1',
    'fd00:ec2::254',
    'ff02::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '2002:7f00:1::',
  ])('%s is one', (address) => expect(isSpecialAddress(address)).toBe(true));
  it.each(['93.184.215.14', '172.32.0.1', '100.128.0.1', '2606:2800:21f:cb07::1'])('%s is none', (address) =>
    expect(isSpecialAddress(address)).toBe(false),
  );
});
