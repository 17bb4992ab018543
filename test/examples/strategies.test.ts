/** The scripts of examples/strategies do what their README says. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const script = join(import.meta.dirname, '../../examples/strategies/run.mjs');
const run = promisify(execFile);

test.each([
  ['in-place', 'CheckFailed', /, 0 of them failed/],
  ['rolling', 'ContractBreaking', /, 0 of them failed/],
  ['blue-green', 'PreviewCheckFailed', /, 0 of them failed/],
  ['canary', 'AnalysisFailed', /, [1-9]\d* of them failed/],
])('the example of %s promotes the good change and takes the bad one back, %s', { timeout: 300_000 }, async (strategy, reason, failed) => {
  const { stdout } = await run(process.execPath, [script, strategy]);
  expect(stdout).toMatch(new RegExp(`^3 .* RolledBack +${reason} `, 'm'));
  expect(stdout).toMatch(/^2 .* Promoted /m);
  expect(stdout).toMatch(failed);
  expect(stdout).toMatch(/The good change was promoted, the bad one was taken back\.\n$/);
});
