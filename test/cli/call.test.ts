/** `call` as a person runs it: arguments by the schema, the tool that is meant, and what is printed. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rolloutViews } from '../fixtures/rollout-views.ts';
import { Harness } from './harness.ts';

let cli: Harness;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
});
afterEach(() => cli.stop());

describe('call', () => {
  test('types arguments by the schema and prints the text', async () => {
    const ran = await cli.run('call', 'read_file', '--arg', 'path=a=b', '--arg', 'head=3', '--arg', 'raw=true', '--arg', 'tags:=["x"]');
    expect(ran).toMatchObject({ code: 0, out: 'hello\n' });
    expect(cli.calls).toEqual([
      { path: '/api/v1/services/files/call', body: { tool: 'read_file', args: { path: 'a=b', head: 3, raw: true, tags: ['x'] } } },
    ]);
  });

  test('knows the name at /mcp, and 1 says that the tool failed', async () => {
    cli.callAnswer = { status: 200, body: { isError: true, content: [{ type: 'text', text: 'no such file' }] } };
    expect(await cli.run('call', 'files__read_file', '--json', '{"path":"x"}')).toMatchObject({ code: 1, out: 'no such file\n' });
  });

  test('an error of the gateway is told with its code', async () => {
    cli.callAnswer = { status: 503, body: { code: 'ServiceUnavailable', detail: 'files has no instance.' } };
    expect(await cli.run('call', 'read_file')).toMatchObject({ code: 1, err: expect.stringContaining('ServiceUnavailable') });
  });

  test('a tool in quarantine is told as that, with the way to approve it', async () => {
    cli.model.put(rolloutViews.drifted);
    expect(await cli.run('call', 'forecast', '--service', 'weather')).toMatchObject({
      code: 4,
      err: expect.stringMatching(/weather hides its tool "forecast": it changed without a commit[\s\S]*describe service weather/),
    });
  });

  test('a tool that the named service lacks is not denied to the others', async () => {
    expect((await cli.run('call', 'write_file', '--service', 'files')).err).toContain('files offers no tool "write_file".');
  });

  test('finds a tool however many there are', async () => {
    const { services } = cli.model;
    const files = services().find(({ record }) => record.service === 'files')!;
    const others = Array.from({ length: 700 }, (_, index) => `a${String(index).padStart(4, '0')}`);
    cli.model.services = () => [...others, 'files'].map((service) => ({ ...files, record: { ...files.record, service } }));
    expect(await cli.run('call', 'read_file', '--service', 'files', '--arg', 'path=x')).toMatchObject({ code: 0 });
    expect((await cli.run('call', 'read_file', '--arg', 'path=x')).err).toContain('701 services offer read_file');
    expect((await cli.run('tools')).out.split('\n')).toHaveLength(2 * 701 + 2);
  });

  test('does not let a service move the cursor of a terminal, and changes nothing in a pipe', async () => {
    const text = 'a\u001b[2J\u001b]0;owned\u0007b\n\tc';
    cli.callAnswer = { status: 200, body: { content: [{ type: 'text', text }] } };
    expect((await cli.run('call', 'read_file', '--arg', 'path=x')).out).toBe(`${text}\n`);
    expect((await cli.runWith({ interactive: true }, 'call', 'read_file', '--arg', 'path=x')).out).toBe('ab\n\tc\n');
  });

  test.each([['head=three'], ['raw=yes'], ['tags=x']])('--arg %s does not fit the schema', async (arg) => {
    expect(await cli.run('call', 'read_file', '--arg', arg)).toMatchObject({ code: 2 });
    expect(cli.calls).toEqual([]);
  });
});
