/**
 * `npm run conformance`: the official MCP conformance suites against a fixture, direct and through a whole Fairlead, side by side.
 *
 * Exit 1 when the stable suite or 2025-11-25 differ through the gateway from direct or carry any failure or warning, and when
 * 2026-07-28 differs or fails in a way that test/fixtures/conformance-expectations.json does not say why.
 * Writes bench/results/conformance.md.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startConformanceServer } from '../test/fixtures/conformance-server.ts';
import { projectRoot, up } from '../test/interop/up.ts';

interface Suite {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

const stable = 'node_modules/@modelcontextprotocol/conformance/dist/index.js';
const next = 'node_modules/conformance-next/dist/index.js';
const suites: readonly Suite[] = [
  { name: 'stable 0.1.16', program: stable, args: ['--suite', 'all'] },
  { name: '2025-11-25', program: next, args: ['--requirements', '2025-11-25'] },
  { name: '2026-07-28', program: next, args: ['--requirements', '2026-07-28'] },
];

interface Check {
  readonly id: string;
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO' | 'SKIPPED';
}

/** Scenario → its checks; INFO lines are what happened on the wire, not judgements. */
type Results = ReadonlyMap<string, readonly Check[]>;

interface Expectations {
  readonly [suite: string]: { readonly differs: Readonly<Record<string, string>>; readonly fails: Readonly<Record<string, string>> };
}

async function run(suite: Suite, url: string): Promise<Results> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-conformance-'));
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn(process.execPath, [suite.program, 'server', '--url', url, ...suite.args, '-o', folder], { stdio: 'ignore' });
      child.once('error', reject);
      child.once('exit', () => resolve());
    });
    const results = new Map<string, readonly Check[]>();
    for (const name of readdirSync(folder)) {
      const scenario = /^(?:server-)?(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/.exec(name)?.[1];
      if (scenario !== undefined) results.set(scenario, JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8')) as Check[]);
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const judgements = (checks: readonly Check[] | undefined): Check[] => (checks ?? []).filter((check) => check.status !== 'INFO');
const bad = (checks: readonly Check[] | undefined): Check[] =>
  judgements(checks).filter((check) => check.status === 'FAILURE' || check.status === 'WARNING');
const shape = (checks: readonly Check[] | undefined): string =>
  judgements(checks)
    .map((check) => `${check.id} ${check.status}`)
    .sort()
    .join('\n');

function tally(checks: readonly Check[] | undefined): string {
  if (checks === undefined) return 'did not run';
  const count = (status: Check['status']): number => checks.filter((check) => check.status === status).length;
  const parts = [`${count('SUCCESS')} passed`];
  for (const [status, word] of [
    ['FAILURE', 'failed'],
    ['WARNING', 'warnings'],
    ['SKIPPED', 'skipped'],
  ] as const) {
    if (count(status) > 0) parts.push(`${count(status)} ${word}`);
  }
  return parts.join(', ');
}

interface Row {
  readonly scenario: string;
  readonly direct: string;
  readonly gateway: string;
  readonly note: string;
  /** Breaks the build. */
  readonly breaks: boolean;
}

function compare(suite: Suite, direct: Results, gateway: Results, expectations: Expectations): Row[] {
  const known = expectations[suite.name] ?? { differs: {}, fails: {} };
  return [...new Set([...direct.keys(), ...gateway.keys()])].sort().map((scenario) => {
    const left = direct.get(scenario);
    const right = gateway.get(scenario);
    const differs = shape(left) !== shape(right) ? (known.differs[scenario] ?? 'differs') : null;
    const fails = [...bad(left), ...bad(right)].length > 0 ? (known.fails[scenario] ?? 'failures or warnings') : null;
    const unexplained = (differs !== null && !(scenario in known.differs)) || (fails !== null && !(scenario in known.fails));
    const stale = (differs === null && scenario in known.differs) || (fails === null && scenario in known.fails);
    const note = [differs, fails, stale ? 'an expectation that no longer holds' : null].filter((text) => text !== null).join('; ');
    return { scenario, direct: tally(left), gateway: tally(right), note, breaks: unexplained || stale };
  });
}

function markdown(sections: readonly { readonly suite: Suite; readonly rows: readonly Row[] }[]): string {
  const parts = sections.map(({ suite, rows }) => {
    const head = `## ${suite.name}\n\n| scenario | direct | through the gateway | |\n| --- | --- | --- | --- |\n`;
    const lines = rows.map((row) => `| ${row.scenario} | ${row.direct} | ${row.gateway} | ${row.note === '' ? 'same' : row.note} |`);
    return `${head}${lines.join('\n')}\n`;
  });
  return `# MCP conformance, direct and through \`/services/<name>/mcp\`\n\nWritten by \`npm run conformance\`.\n\n${parts.join('\n')}`;
}

const expectations = JSON.parse(readFileSync('test/fixtures/conformance-expectations.json', 'utf8')) as Expectations;
const fixture = await startConformanceServer(0);
const command = ['node', join(projectRoot, 'test/fixtures/conformance-server.ts'), '${instance.port}'];
const manifest = {
  apiVersion: 'fairlead.dev/v1alpha1',
  kind: 'Service',
  metadata: { name: 'fixture' },
  spec: { transport: 'http', run: { command, port: 'auto', path: '/mcp' } },
};
const fairlead = await up({ 'fixture.yaml': JSON.stringify(manifest) }, ['fixture']);
const sections: { suite: Suite; rows: Row[] }[] = [];
try {
  for (const suite of suites) {
    const direct = await run(suite, fixture.url);
    const through = await run(suite, `${fairlead.gatewayUrl}/services/fixture/mcp`);
    sections.push({ suite, rows: compare(suite, direct, through, expectations) });
  }
} finally {
  await fairlead.stop();
  await fixture.close();
}

let broken = 0;
for (const { suite, rows } of sections) {
  console.log(`\n${suite.name}`);
  for (const row of rows) {
    const mark = row.breaks ? 'x' : row.note === '' ? ' ' : '!';
    console.log(
      ` ${mark} ${row.scenario.padEnd(48)}${row.direct.padEnd(28)}${row.gateway.padEnd(28)}${row.note === '' ? 'same' : row.note}`,
    );
  }
  const breaking = rows.filter((row) => row.breaks).length + (rows.length === 0 ? 1 : 0);
  broken += breaking;
  const same = rows.filter((row) => row.note === '').length;
  console.log(`   ${rows.length} scenarios, ${same} the same without a failure or warning, ${breaking} that break`);
}
mkdirSync('bench/results', { recursive: true });
writeFileSync('bench/results/conformance.md', markdown(sections));
process.exitCode = broken === 0 ? 0 : 1;
