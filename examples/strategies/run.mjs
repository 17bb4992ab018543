/*
 * `node examples/strategies/run.mjs in-place|rolling|blue-green|canary`: runs that example in a folder of its own under the load
 * of a few clients, makes the good change and follows it, makes the bad one, shows how it is taken back and why, and stops.
 * Exit code 0 when the good one was promoted and the bad one taken back.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const here = import.meta.dirname;
const launcher = join(here, '../../bin/fairlead.cjs');
const badReleases = { 'in-place': 'wrong-unit', rolling: 'needs-country', 'blue-green': 'second-call-fails', canary: 'fails-now-and-then' };

const strategy = process.argv[2];
const bad = badReleases[strategy];
if (bad === undefined) {
  console.error(`usage: node run.mjs ${Object.keys(badReleases).join('|')}`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'fairlead-example-'));
const manifests = join(folder, strategy);
const manifest = join(manifests, 'weather.yaml');
mkdirSync(manifests);
copyFileSync(join(here, strategy, 'weather.yaml'), manifest);
symlinkSync(join(here, 'weather.mjs'), join(folder, 'weather.mjs'));

const load = { calls: 0, failed: 0, stopping: false };
let promoted = false;
let takenBack = false;
const fairlead = start();
try {
  const run = await listening();
  await untilSettled(run);
  const clients = Array.from({ length: 8 }, () => callWithoutPause(new URL('/services/weather/mcp', run.gatewayUrl)));

  promoted = (await change(run, 'release-1', 'release-2')) === 0;
  takenBack = (await change(run, 'release-2', bad)) === 1;
  await cli(run, 'rollout', 'history', 'weather');
  await cli(run, 'describe', 'service', 'weather');

  load.stopping = true;
  await Promise.all(clients);
  say(`${load.calls} calls meanwhile, ${load.failed} of them failed.`);
} finally {
  fairlead.kill('SIGINT');
  await once(fairlead, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
say(`The good change was ${promoted ? 'promoted' : 'NOT promoted'}, the bad one was ${takenBack ? 'taken back' : 'NOT taken back'}.`);
process.exitCode = promoted && takenBack ? 0 : 1;

function say(text) {
  console.log(`\n# ${text}`);
}

function start() {
  say(`fairlead up ${strategy}`);
  return spawn(process.execPath, [launcher, 'up', manifests, '--gateway', '127.0.0.1:0', '--status', '127.0.0.1:0'], { stdio: 'ignore' });
}

/** Where it listens, once it does. */
async function listening() {
  const runFile = join(manifests, '.fairlead/run.json');
  for (;;) {
    if (fairlead.exitCode !== null) throw new Error(`fairlead up ended with ${fairlead.exitCode}`);
    const run = existsSync(runFile) ? JSON.parse(readFileSync(runFile, 'utf8')) : {};
    if (run.gatewayUrl && run.statusUrl) return run;
    await sleep(50);
  }
}

async function status(run) {
  const answer = await fetch(new URL('/api/v1/services/weather', run.statusUrl)).catch(() => null);
  return answer?.ok ? (await answer.json()).status : null;
}

async function untilSettled(run) {
  for (;;) {
    const seen = await status(run);
    if (seen?.state === 'Active' && seen.rollout === null) return;
    await sleep(50);
  }
}

/** Edits the manifest and follows what comes of it; resolves with the exit code of `rollout status`. */
async function change(run, from, to) {
  const before = (await status(run)).history[0].number;
  say(`The manifest changes from ${from} to ${to}`);
  const text = readFileSync(manifest, 'utf8').replace(`args: [${from}]`, `args: [${to}]`);
  writeFileSync(manifest, text);
  for (;;) {
    const { rollout, history } = (await status(run)) ?? { history: [] };
    if (rollout || history[0]?.number > before) break;
    await sleep(20);
  }
  return cli(run, 'rollout', 'status', 'weather');
}

/** Runs the command line as a person would, and resolves with its exit code. */
async function cli(run, ...args) {
  console.log(`\n$ fairlead ${args.join(' ')}`);
  const child = spawn(process.execPath, [launcher, ...args, '--server', run.statusUrl], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'exit');
  return code;
}

async function callWithoutPause(url) {
  while (!load.stopping) {
    const client = new Client({ name: 'example', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(url));
    for (let call = 0; call < 20 && !load.stopping; call += 1) {
      const answer = await client.callTool({ name: 'forecast', arguments: { city: 'Oslo' } }).catch(() => ({ isError: true }));
      load.calls += 1;
      if (answer.isError) load.failed += 1;
      await sleep(20);
    }
    await client.close();
  }
}
