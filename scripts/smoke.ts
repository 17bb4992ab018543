/**
 * `npm run smoke`: what a newcomer does first, checked. `npm start` brings every example to Active, the official inspector lists
 * and calls tools at /mcp, Ctrl-C (SIGINT to the whole group, as a terminal sends it) ends it, and no process is left.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ResourceList, ServiceResource } from '../src/model/resource.ts';

const root = join(import.meta.dirname, '..');
const runFile = join(root, 'examples/manifests/.fairlead/run.json');
/** Ends what hangs; a busy machine takes some seconds. */
const deadlineMs = 150_000;
const beganAt = Date.now();

interface Run {
  readonly supervisorPid: number;
  readonly controllerPid: number;
  readonly hostPid: number;
  readonly gatewayUrl: string | null;
  readonly statusUrl: string | null;
  readonly startedAt: number;
}

let output = '';
const npm = spawn('npm', ['start'], { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
const exited = once(npm, 'exit');

try {
  const run = await waitFor('run.json of this start', () => {
    if (!existsSync(runFile)) return null;
    const found = JSON.parse(readFileSync(runFile, 'utf8')) as Run;
    return found.startedAt >= beganAt && found.statusUrl !== null && found.gatewayUrl !== null ? found : null;
  });
  const services = await waitFor('all services Active', async () => {
    const answer = await fetch(new URL('/api/v1/services', run.statusUrl!)).catch(() => null);
    const items = answer?.ok === true ? ((await answer.json()) as ResourceList<ServiceResource>).items : [];
    return items.length > 0 && items.every(({ status }) => status.state === 'Active' && status.readyInstances === status.replicas)
      ? items
      : null;
  });
  say(`${services.length} services Active after ${((Date.now() - beganAt) / 1000).toFixed(1)} s`);
  for (const url of [run.gatewayUrl, run.statusUrl])
    await waitFor(`${url} in the output`, () => (output.includes(new URL(url!).host) ? true : null));

  const mcpUrl = `${run.gatewayUrl!.replace(/\/(mcp)?$/, '')}/mcp`;
  const { tools } = inspect<{ tools: { name: string }[] }>(mcpUrl, '--method', 'tools/list');
  for (const { metadata } of services) {
    const count = tools.filter(({ name }) => name.startsWith(`${metadata.name}__`)).length;
    must(count > 0, `${metadata.name} has tools at /mcp`);
    say(`${metadata.name}: ${count} tools`);
  }
  const sum = tools.find(({ name }) => name.endsWith('__get-sum'));
  must(sum !== undefined, 'a get-sum is listed');
  const answer = inspect<{ content: { text: string }[] }>(
    mcpUrl,
    '--method',
    'tools/call',
    '--tool-name',
    sum!.name,
    '--tool-arg',
    'a=2',
    'b=3',
  );
  must(answer.content[0]!.text.includes('5'), 'get-sum of 2 and 3 says 5');

  const pids = [
    run.supervisorPid,
    run.controllerPid,
    run.hostPid,
    ...services.flatMap(({ status }) => status.instances.flatMap(({ pid }) => pid ?? [])),
  ];
  process.kill(-npm.pid!, 'SIGINT');
  await waitFor('the end after SIGINT', () => (npm.exitCode === null && npm.signalCode === null ? null : true));
  const left = pids.filter((pid) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')));
  must(left.length === 0, `no process is left of ${pids.length}`);
  say('stopped by SIGINT, no process left');
} catch (error) {
  console.error(output);
  console.error(error);
  process.exitCode = 1;
  if (npm.exitCode === null && npm.signalCode === null) process.kill(-npm.pid!, 'SIGTERM');
  await exited;
}

function inspect<Answer>(url: string, ...args: string[]): Answer {
  const text = execFileSync(join(root, 'node_modules/.bin/mcp-inspector'), ['--cli', url, ...args, '--format', 'json'], {
    encoding: 'utf8',
  });
  return (JSON.parse(text) as { result: Answer }).result;
}

async function waitFor<Value>(what: string, look: () => Promise<Value | null> | Value | null): Promise<Value> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await look();
    if (value !== null) return value;
    if (Date.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`);
    if (npm.exitCode !== null && !what.startsWith('the end')) throw new Error(`npm start ended with ${npm.exitCode} before ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

function say(text: string): void {
  console.log(text);
}
