/** The official clients of both generations against the official servers, with a whole Fairlead between them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot, up, type Up } from './up.ts';

const official = (name: string): string => join(projectRoot, 'node_modules/@modelcontextprotocol', `server-${name}`, 'dist/index.js');
const dataFolder = mkdtempSync(join(tmpdir(), 'fairlead-interop-data-'));

function manifest(name: string, run: string): string {
  return `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: ${name} }\nspec:\n${run}\n`;
}
const stdio = (name: string, server: string, ...args: string[]): string =>
  manifest(name, `  transport: stdio\n  run: { command: ${JSON.stringify(['node', official(server), ...args])} }`);

const loopback = join(projectRoot, 'examples/loopback.cjs');
const overHttp = manifest(
  'everything-http',
  `  transport: http\n  run:\n    command: ${JSON.stringify(['node', '--require', loopback, official('everything'), 'streamableHttp'])}\n` +
    `    env: { PORT: '\${instance.port}' }\n    port: auto`,
);
const manifests = {
  'everything.yaml': stdio('everything', 'everything', 'stdio'),
  'everything-http.yaml': overHttp,
  'files.yaml': stdio('files', 'filesystem', dataFolder),
  'memory.yaml': stdio('memory', 'memory'),
  'thinking.yaml': stdio('thinking', 'sequential-thinking'),
};
const services = ['everything', 'everything-http', 'files', 'memory', 'thinking'];

let fairlead: Up;
beforeAll(async () => {
  fairlead = await up(manifests, services);
}, 200_000);
afterAll(async () => {
  await fairlead?.stop();
  rmSync(dataFolder, { recursive: true, force: true });
});

const sum = 'The sum of 2 and 3 is 5.';

function expectAll(tools: readonly { name: string }[]): void {
  const prefixes = new Set(tools.map((tool) => tool.name.split('__')[0]));
  expect([...prefixes].sort()).toEqual([...services].sort());
}

describe('the inspector', () => {
  const inspect = async (...args: string[]): Promise<any> => {
    const program = join(projectRoot, 'node_modules/.bin/mcp-inspector');
    const { stdout } = await promisify(execFile)(program, ['--cli', `${fairlead.gatewayUrl}/mcp`, ...args, '--format', 'json']);
    return JSON.parse(stdout).result;
  };

  it.each(['legacy', 'auto', 'modern'])(
    'lists the tools of all services and calls one (%s)',
    async (era) => {
      const [listed, called] = await Promise.all([
        inspect('--protocol-era', era, '--method', 'tools/list'),
        inspect('--protocol-era', era, '--method', 'tools/call', '--tool-name', 'everything__get-sum', '--tool-arg', 'a=2', 'b=3'),
      ]);
      expectAll(listed.tools);
      expect(called.content[0].text).toBe(sum);
    },
    60_000,
  );
});

describe('the SDK of the first generation', () => {
  it('lists the tools of all services, calls one over each transport, reads and subscribes to a resource', async () => {
    const client = new OldClient({ name: 'interop', version: '1' }, { capabilities: {} });
    await client.connect(new OldTransport(new URL(`${fairlead.gatewayUrl}/mcp`)));
    expectAll((await client.listTools()).tools);
    for (const name of ['everything__get-sum', 'everything-http__get-sum']) {
      expect(await client.callTool({ name, arguments: { a: 2, b: 3 } })).toMatchObject({ content: [{ text: sum }] });
    }
    const { resources } = await client.listResources();
    const read = await client.readResource({ uri: resources[0]!.uri });
    expect(read.contents[0]?.uri).toBe(resources[0]!.uri);
    expect((await client.listPrompts()).prompts.map((prompt) => prompt.name)).toContain('everything__simple-prompt');
    await client.close();
  });

  it('hears the progress of a long call', async () => {
    const client = new OldClient({ name: 'interop', version: '1' }, { capabilities: {} });
    await client.connect(new OldTransport(new URL(`${fairlead.gatewayUrl}/mcp`)));
    const heard: number[] = [];
    const call = { name: 'everything__trigger-long-running-operation', arguments: { duration: 1, steps: 4 } };
    await client.callTool(call, undefined, { onprogress: ({ progress }) => heard.push(progress) });
    expect(heard).toEqual([1, 2, 3, 4]);
    await client.close();
  });

  it('is asked for a completion by the service that it called, through its own session', async () => {
    const { CreateMessageRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
    const client = new OldClient({ name: 'interop', version: '1' }, { capabilities: { sampling: {} } });
    client.setRequestHandler(CreateMessageRequestSchema, async () => ({
      model: 'none',
      role: 'assistant',
      content: { type: 'text', text: 'sampled here' },
    }));
    const url = new URL(`${fairlead.gatewayUrl}/services/everything-http/mcp`);
    await client.connect(new OldTransport(url));
    // The server offers this tool once it knows what the client can.
    const called = await client.callTool({ name: 'trigger-sampling-request', arguments: { prompt: 'hello', maxTokens: 10 } });
    expect(JSON.stringify(called)).toContain('sampled here');
    await client.close();
  });
});

describe('the SDK of the second generation', () => {
  it.each([
    ['legacy', { mode: 'legacy' as const }],
    ['2026-07-28', { mode: { pin: '2026-07-28' } }],
    ['auto', { mode: 'auto' as const }],
  ])(
    'lists the tools of all services and calls one (%s)',
    async (_era, versionNegotiation) => {
      const client = new ModernClient({ name: 'interop', version: '1' }, { versionNegotiation });
      await client.connect(new ModernTransport(new URL(`${fairlead.gatewayUrl}/mcp`)));
      expectAll((await client.listTools()).tools);
      for (const name of ['everything__get-sum', 'everything-http__get-sum']) {
        expect(await client.callTool({ name, arguments: { a: 2, b: 3 } })).toMatchObject({ content: [{ text: sum }] });
      }
      await client.close();
    },
    30_000,
  );
});
