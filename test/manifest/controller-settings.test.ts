/** fairlead.yaml: what it may say, and what it gets when it is wrong. */
import { describe, expect, it } from 'vitest';
import { defaultControllerSettings, readControllerSettings } from '../../src/manifest/controller-settings.ts';
import { brief, bytesOf } from './compile.ts';

const head = 'apiVersion: fairlead.dev/v1alpha1\nkind: Controller\n';
const read = (text: string) => readControllerSettings('fairlead.yaml', bytesOf(text));

describe('the settings file', () => {
  it('may say nothing', () => expect(read(`${head}spec: {}\n`)).toEqual({ settings: defaultControllerSettings, issues: [] }));

  it('may say everything', () => {
    const text = `${head}metadata: { name: box }\nspec:\n  sources: [{ name: main, path: ./m }]\n  listeners: { gateway: "0.0.0.0:80", status: "[::1]:0" }\n  dataDir: /var/lib/fairlead\n  prune: { maxDeletions: 10 }\n`;
    expect(read(text).settings).toEqual({
      sourceName: 'main',
      sourcePath: './m',
      gateway: { host: '0.0.0.0', port: 80 },
      status: { host: '::1', port: 0 },
      dataDir: '/var/lib/fairlead',
      maxDeletions: { count: 10 },
    });
    expect(read(`${head}spec: { prune: { maxDeletions: 25% } }\n`).settings?.maxDeletions).toEqual({ share: 0.25 });
  });

  it.each([
    ['', 'MissingField fairlead.yaml:1:1'],
    ['spec: { sources: [{ type: git, path: x }] }', 'NotSupportedYet fairlead.yaml:3:27 spec.sources[0].type'],
    ['spec: { auth: {} }', 'NotSupportedYet fairlead.yaml:3:9 spec.auth'],
    ['spec: { listeners: { gateway: 7400 } }', 'WrongType fairlead.yaml:3:31 spec.listeners.gateway'],
    ['spec: { listeners: { gateway: "x:99999" } }', 'OutOfRange fairlead.yaml:1:1'],
    ['spec: { prune: { maxDeletions: most } }', 'InvalidValue fairlead.yaml:3:32 spec.prune.maxDeletions'],
  ])('is refused when it says %j', (text, issue) => {
    const { settings, issues } = read(text === '' ? '# nothing\n' : `${head}${text}\n`);
    expect([settings, issues.filter(({ severity }) => severity === 'error').map(brief)]).toEqual([null, [issue]]);
  });
});
