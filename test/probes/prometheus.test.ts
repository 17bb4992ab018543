/** Against a real Prometheus. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetricSource } from '../../src/probes/metrics.ts';
import { isMissing } from '../fixtures/partners.ts';

const source = createMetricSource();
let folder: string;
let url: string;
let prometheus: ChildProcess | null = null;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const read = (query: string) => source.read({ type: 'prometheus', name: 'm', url, query, min: null, max: null, timeoutMs: 30_000 });

describe.skipIf(isMissing('prometheus'))('a real Prometheus (skipped without prometheus)', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-prometheus-'));
    writeFileSync(join(folder, 'prometheus.yml'), 'scrape_configs: []\n');
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const flags = [`--web.listen-address=127.0.0.1:${port}`, `--storage.tsdb.path=${join(folder, 'data')}`];
    prometheus = spawn('prometheus', [`--config.file=${join(folder, 'prometheus.yml')}`, ...flags], { stdio: 'ignore' });
    while ((await read('1')).value !== 1) {
      if (prometheus.exitCode !== null) throw new Error('prometheus ended');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }, 30_000);

  afterAll(async () => {
    if (prometheus !== null && prometheus.exitCode === null) {
      prometheus.kill();
      await once(prometheus, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([
    ['vector(0.25)', 0.25],
    ['scalar(vector(3))', 3],
    ['sum(vector(1) or label_replace(vector(2), "a", "b", "", ""))', 3],
  ])('gives the value of %s', async (query, value) => {
    expect(await read(query)).toEqual({ value, verdict: null, error: null });
  });

  it.each([
    ['no_such_series', /no sample/],
    ['vector(0) / 0', /NaN/],
    ['1 / 0', /\+Inf/],
    ['vector(1) or label_replace(vector(2), "a", "b", "", "")', /2 samples/],
    ['vector(1)[5m:1m]', /matrix/],
    ['sum(', /HTTP 400: ".*parse error/],
  ])('says why there is none of %s', async (query, reason) => {
    expect(await read(query)).toMatchObject({ value: null, error: expect.stringMatching(reason) as string });
  });
});
