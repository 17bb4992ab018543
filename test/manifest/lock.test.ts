/** `fairlead.lock`: what was approved of which Service, and what becomes of a source when it does not say so clearly. */
import { beforeEach, describe, expect, it } from 'vitest';
import { compileLocked } from '../../src/manifest/held-to-lock.ts';
import { Workspace } from '../../src/manifest/workspace.ts';
import { brief, bytesOf, compileTexts, root, service, template } from './compile.ts';

const one = 'a1'.repeat(32);
const two = 'b2'.repeat(32);
const head = 'apiVersion: fairlead.dev/v1alpha1\nkind: Lock\n';
/** A file of locks; the entries begin on line 4. */
const locked = (entries: Readonly<Record<string, string>>) =>
  `${head}services:\n${Object.entries(entries)
    .map(([name, contract]) => `  ${name}:\n    contract: ${contract}\n`)
    .join('')}`;

describe('a file of locks', () => {
  it('locks the Contract of the Services that it names, and no others', () => {
    const { services, issues, invalid } = compileTexts({
      'a.yaml': service('a'),
      'b.yaml': service('b'),
      'fairlead.lock': locked({ a: one }),
    });
    expect(issues).toEqual([]);
    expect(invalid.size).toBe(0);
    expect(services.get('a')!.lock).toEqual({ contract: one });
    expect(services.get('b')).not.toHaveProperty('lock');
  });

  it('makes another Service, and no other Revision', () => {
    const without = compileTexts({ 'a.yaml': service('a') }).services.get('a')!;
    const withOne = compileTexts({ 'a.yaml': service('a'), 'fairlead.lock': locked({ a: one }) }).services.get('a')!;
    const withTwo = compileTexts({ 'a.yaml': service('a'), 'fairlead.lock': locked({ a: two }) }).services.get('a')!;
    expect(new Set([without, withOne, withTwo].map(({ revision }) => revision.hash)).size).toBe(1);
    expect(new Set([without, withOne, withTwo].map(({ specHash }) => specHash)).size).toBe(3);
  });

  it('hides what drifts of a Service, unless that says itself what is done about it', () => {
    const of = (more: string, lock: Record<string, string>) =>
      compileTexts({
        'a.yaml': service('a', more),
        't.yaml': template('t', '{}', '  migration: { contract: { drift: warn } }\n'),
        'fairlead.lock': locked(lock),
      }).services.get('a')!;
    const driftOf = (more: string, lock: Record<string, string>) => of(more, lock).migration.contract.drift;
    const warns = '  migration: { contract: { drift: warn } }\n';
    expect(of(warns, { a: one }).specHash).not.toBe(of('', { a: one }).specHash);
    expect(driftOf('', { a: one })).toBe('quarantine');
    expect(driftOf('', { b: one })).toBe('warn');
    expect(driftOf(warns, { a: one })).toBe('warn');
    expect(driftOf('  extends: [t]\n', { a: one })).toBe('warn');
    expect(driftOf('  migration: { contract: { drift: quarantine } }\n', { a: one })).toBe('quarantine');
  });

  it('is warned of when it names a Service that nobody declares', () => {
    const { services, issues } = compileTexts({ 'weather.yaml': service('weather'), 'fairlead.lock': locked({ wether: one }) });
    expect(issues.map(brief)).toEqual(['UnknownService fairlead.lock:4:3 services.wether']);
    expect(issues[0]).toMatchObject({ severity: 'warning', suggestion: 'weather' });
    expect([...services.keys()]).toEqual(['weather']);
  });

  it.each([
    ['InvalidHash fairlead.lock:5:15 services.a.contract', locked({ a: '9c1f0a42d7be' })],
    ['InvalidHash fairlead.lock:5:15 services.a.contract', locked({ a: '123456' })],
    ['MissingField fairlead.lock:4:6 services.a.contract', `${head}services:\n  a: {}\n  b: { contract: ${two} }\n`],
    ['NotSupportedYet fairlead.lock:6:5 services.a.package', locked({ a: `${one}\n    package: {}` })],
  ])('with a bad entry (%s) says so, keeps that Service from being taken, and no other', (expected, text) => {
    const lockText = text.includes('  b:') ? text : `${text}  b:\n    contract: ${two}\n`;
    const { services, invalid, issues } = compileTexts({ 'a.yaml': service('a'), 'b.yaml': service('b'), 'fairlead.lock': lockText });
    expect(issues.map(brief)).toContain(expected);
    expect([...invalid.keys()]).toEqual(['a']);
    expect(issues.filter(({ severity }) => severity === 'error').every(({ subject }) => subject === 'a')).toBe(true);
    expect(services.get('b')!.lock).toEqual({ contract: two });
  });

  it.each([
    ['that is no YAML', 'SyntaxError', `${head}services: {\n  a:\n    contract: ${one}\n`],
    ['of another version', 'UnknownValue', locked({ a: one }).replace('v1alpha1', 'v9')],
    ['with a field that is none', 'UnknownField', `${locked({ a: one })}packages: {}\n`],
    ['that gives a name twice', 'DuplicateKey', `${locked({ a: one })}  a:\n    contract: ${two}\n`],
    ['of two documents', 'ConflictingFields', `${locked({ a: one })}---\n${locked({ b: two })}`],
    ['with invisible characters', 'ForbiddenCharacter', `${locked({ a: one })}# \u202e\n`],
  ])('%s is not taken for one that locks nothing: what it seems to name is not taken', (_, code, text) => {
    const { services, invalid, issues } = compileTexts({ 'a.yaml': service('a'), 'c.yaml': service('c'), 'fairlead.lock': text });
    expect(issues.map((issue) => issue.code)).toContain(code);
    expect([...invalid.keys()]).toEqual(['a']);
    expect([...services.keys()]).toEqual(['c']);
  });

  it('that is empty locks nothing, and is no manifest either', () => {
    const { services, issues, empty } = compileTexts({ 'a.yaml': service('a'), 'fairlead.lock': '# nothing yet\n' });
    expect(issues.map(brief)).toEqual(['EmptyFile fairlead.lock:1:1']);
    expect(services.size).toBe(1);
    expect(empty).toBe(false);
    expect(compileTexts({ 'fairlead.lock': locked({ a: one }) }).empty).toBe(true);
  });

  it('is looked at together with the others of its source: where they differ, neither is taken', () => {
    const files = { 'x/a.yaml': service('a'), 'y/b.yaml': service('b'), 'x/fairlead.lock': locked({ a: one, b: two }) };
    const same = compileTexts({ ...files, 'y/fairlead.lock': locked({ b: two }) });
    expect(same.issues).toEqual([]);
    const differs = compileTexts({ ...files, 'y/fairlead.lock': locked({ b: one }) });
    expect(differs.issues.map(brief)).toEqual([
      'DuplicateLock x/fairlead.lock:6:3 services.b',
      'DuplicateLock y/fairlead.lock:4:3 services.b',
    ]);
    expect([...differs.services.keys()]).toEqual(['a']);
  });

  it('has room for 10,000 Services', () => {
    const names = Array.from({ length: 10_000 }, (_, index) => [`service-${index}`, one]);
    const { issues } = compileTexts({
      'a.yaml': service('a'),
      'fairlead.lock': locked(Object.fromEntries([...names, ['a', one]]) as Record<string, string>),
    });
    expect(new Set(issues.map(({ code }) => code))).toEqual(new Set(['UnknownService']));
    expect(issues).toHaveLength(100);
  });
});

describe('locks over time', () => {
  let workspace: Workspace;
  const put = (texts: Readonly<Record<string, string | null>>, snapshot: string) => {
    const files = Object.entries(texts).flatMap(([path, text]) => (text === null ? [] : [{ path, bytes: bytesOf(text) }]));
    workspace.update(
      files,
      Object.keys(texts).filter((path) => texts[path] === null),
    );
    return workspace.compile(snapshot);
  };
  beforeEach(() => {
    workspace = new Workspace('folder', root);
    put({ 'a.yaml': service('a'), 'b.yaml': service('b'), 'fairlead.lock': locked({ a: one, b: one }) }, 's1');
  });

  it('change those Services alone whose entry changed', () => {
    const before = workspace.compile('s1').services;
    const after = put({ 'fairlead.lock': `# approved\n${locked({ a: one, b: two })}` }, 's2').services;
    expect(after.get('a')).toBe(before.get('a'));
    expect(after.get('b')).toMatchObject({ lock: { contract: two }, origin: { snapshot: 's2' } });
  });

  it('explain what is so because of them', () => {
    const field = 'migration.contract.drift';
    const from = { value: 'quarantine', file: 'fairlead.lock', line: 6, column: 3, from: 'Lock b' };
    expect(workspace.explain('b', field)).toEqual([expect.objectContaining(from)]);
    put({ 'b.yaml': service('b', '  migration: { contract: { drift: warn } }\n') }, 's2');
    expect(workspace.explain('b', field)).toEqual([expect.objectContaining({ value: 'warn', from: 'Service b' })]);
    put({ 'b.yaml': service('b'), 'fairlead.lock': locked({ a: one }) }, 's3');
    expect(workspace.explain('b', field)).toEqual([expect.objectContaining({ value: 'warn', from: 'default' })]);
  });

  it('are gone with their file', () => {
    const { services } = put({ 'fairlead.lock': null }, 's2');
    expect([...services.values()].map(({ lock }) => lock)).toEqual([undefined, undefined]);
  });

  it('of a file that can no longer be read are asked for: what they named is not taken until it can', () => {
    workspace.update([{ path: 'fairlead.lock', bytes: new Uint8Array(), hash: 'unreadable', problem: 'EACCES' }]);
    const broken = workspace.compile('s2');
    expect([...broken.invalid.keys()].sort()).toEqual(['a', 'b']);
    expect(broken.issues.map(brief)).toEqual(['UnreadableFile fairlead.lock:1:1']);
    expect([...put({ 'fairlead.lock': locked({ a: one, b: one }) }, 's3').services.keys()]).toEqual(['a', 'b']);
  });

  it('of a file that stalled the compiler are asked for too', () => {
    workspace.condemn('fairlead.lock', 'stalled', bytesOf('a: b'));
    expect([...workspace.compile('s2').invalid.keys()].sort()).toEqual(['a', 'b']);
  });

  it('are seen by a fork, and what that makes of them stays there', () => {
    const fork = workspace.fork();
    fork.update([{ path: 'fairlead.lock', bytes: bytesOf(locked({ a: two })) }]);
    expect(fork.compile('s2').services.get('a')!.lock).toEqual({ contract: two });
    expect(workspace.compile('s1').services.get('a')!.lock).toEqual({ contract: one });
  });
});

describe('held to the lock without anything running', () => {
  const heldTo = (texts: Readonly<Record<string, string>>) =>
    compileLocked(
      Object.entries(texts).map(([path, text]) => ({ path, bytes: bytesOf(text) })),
      root,
    ).issues.map((issue) => `${issue.severity} ${brief(issue)}`);
  const approving = (hash: string) => `  migration: { contract: { approved: ${hash} } }\n`;

  it('says nothing of services that are locked, whether or not they approve the same themselves', () => {
    const manifests = { 'a.yaml': service('a'), 'b.yaml': service('b', approving(two.slice(0, 12))) };
    expect(heldTo({ ...manifests, 'fairlead.lock': locked({ a: one, b: two }) })).toEqual([]);
  });

  it('is an error where the lock names what nobody declares, and a warning where it does not name what somebody does', () => {
    const manifests = { 'a.yaml': service('a'), 'draft.yaml': service('draft', '  state: Draft\n') };
    expect(heldTo({ ...manifests, 'fairlead.lock': locked({ gone: one }) })).toEqual([
      'warning ServiceNotLocked a.yaml:1:1',
      'error UnknownService fairlead.lock:4:3 services.gone',
    ]);
  });

  it('is an error where a manifest, or its template, approves another contract than the lock', () => {
    const approved = {
      'a.yaml': service('a', approving(two)),
      'b.yaml': service('b', '  extends: [t]\n'),
      'c.yaml': service('c', approving(two)),
      't.yaml': template('t', '{}', approving(one)),
    };
    expect(heldTo({ ...approved, 'fairlead.lock': locked({ a: one, b: two }) })).toEqual([
      'error ApprovedNotLocked a.yaml:6:38 spec.migration.contract.approved',
      'warning ServiceNotLocked c.yaml:1:1',
      'error ApprovedNotLocked t.yaml:6:38 spec.migration.contract.approved',
    ]);
  });

  it('is no more than what is wrong with a lock that cannot be read', () => {
    const issues = heldTo({ 'a.yaml': service('a'), 'fairlead.lock': locked({ a: 'short' }) });
    expect(issues).toEqual([expect.stringMatching(/^error \w+ fairlead\.lock:5:15 services\.a\.contract$/)]);
  });
});
