/** Docs are true: generated pages are what the code says now, links lead somewhere, and every command shown would be taken. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { compileFiles } from '../../src/manifest/workspace.ts';
import { generateDocs, programForDocs } from '../../scripts/generate-docs.ts';

const root = join(import.meta.dirname, '../..');
const pages = ['*.md', 'docs/**/*.md', 'examples/**/*.md'].flatMap((pattern) => globSync(pattern, { cwd: root })).sort();
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

test('generated pages are what the code says (else: npm run docs)', async () => {
  for (const [path, text] of await generateDocs()) expect(existsSync(join(root, path)) ? textOf(path) : `there is no ${path}`).toBe(text);
});

/** Links of a page that lead nowhere in the repository. */
function brokenLinks(page: string, text: string): string[] {
  const prose = text.replaceAll(/^(```+)[^\n]*\n[\s\S]*?^\1\s*$/gm, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/i.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : relative(root, join(root, dirname(page), path));
      if (!existsSync(join(root, file))) return true;
      return anchor !== undefined && file.endsWith('.md') && !anchorsOf(textOf(file)).has(anchor);
    });
}

/** Heading anchors as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading]) => heading!);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

/** Command lines of this project's own programs and scripts: in shell blocks, and after a `$` in any block. */
function commandsIn(text: string): string[] {
  const lines = [...text.matchAll(/^(```+)(\w*)[^\n]*\n([\s\S]*?)^\1\s*$/gm)].flatMap(([, , language, body]) => {
    const block = body!.replaceAll(/\\\n\s*/g, ' ').split('\n');
    return ['sh', 'bash', 'console', 'shell'].includes(language!) ? block : block.filter((line) => /^\s*\$ /.test(line));
  });
  return lines
    .map((line) => line.replace(/^\s*\$ /, '').trim())
    .filter((line) => /^((npx )?fairlead|npm (run|start|test|ci)|node (bin|scripts|bench)\/\S+)(\s|$)/.test(line));
}

/** Why a command line would not be taken; null when it would. */
async function refusal(line: string): Promise<string | null> {
  for (const part of line.replace(/\s+#.*$/, '').split(/\s*(?:&&|\|\||[|;])\s*/)) {
    const words = [...part.replace(/\s*[12]?>.*$/, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
      ([, double, single, bare]) => double ?? single ?? bare!,
    );
    const why = await refusalOf(words);
    if (why !== null) return why;
  }
  return null;
}

async function refusalOf([first, second, ...rest]: readonly string[]): Promise<string | null> {
  const scripts: Record<string, string> = packageJson.scripts;
  if (first === 'npm') {
    const name = second === 'run' ? rest[0] : second;
    if (name === undefined || ['ci', 'install', 'link'].includes(name) || name in scripts) return null;
    return `there is no script ${name}`;
  }
  if (first === 'node' && second !== undefined && second !== 'bin/fairlead.cjs')
    return existsSync(join(root, second)) ? null : `there is no ${second}`;
  if (first === 'fairlead') return parses([...(second === undefined ? [] : [second]), ...rest]);
  if ((first === 'npx' && second === 'fairlead') || (first === 'node' && second === 'bin/fairlead.cjs')) return parses(rest);
  return null;
}

class Taken extends Error {}

async function parses(argv: readonly string[]): Promise<string | null> {
  let said = '';
  const program = programForDocs(
    (text) => (said += text),
    () => {
      throw new Taken();
    },
  );
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return null;
  } catch (thrown) {
    if (thrown instanceof Taken) return null;
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 || argv.length === 0 ? null : said.trim();
    throw thrown;
  }
}

/** A manifest as shown, whole or no more than the `spec` or the `migration` of a Service, as a file; none for parts of something else. */
function shownManifest(block: string, index: number): { path: string; bytes: Uint8Array }[] {
  const head = `apiVersion: fairlead.dev/v1alpha1\nkind: Service\nmetadata: { name: shown-${index} }\n`;
  const whole = block.startsWith('apiVersion:')
    ? block
    : block.startsWith('spec:')
      ? head + block
      : block.startsWith('migration:')
        ? `${head}spec:\n${block.replaceAll(/^(?=.)/gm, '  ')}`
        : null;
  if (whole === null) return [];
  return [{ path: /^kind: Lock$/m.test(whole) ? 'fairlead.lock' : `${index}.yaml`, bytes: new TextEncoder().encode(whole) }];
}

/** What is wrong with the manifests of a page. */
function refusedManifests(text: string): string[] {
  const blocks = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, body]) => body!.replaceAll(/^#.*\n/gm, ''));
  // Of a part, what it needs besides is not shown.
  const besides = new Set(['MissingField', 'UnknownService', 'UnknownTemplate']);
  return compileFiles(blocks.flatMap(shownManifest), { root })
    .issues.filter(({ severity, code }) => severity === 'error' && !besides.has(code))
    .map(({ message, path }) => `${path}: ${message}`);
}

describe.each(pages)('%s', (page) => {
  test('manifests are valid', () => {
    expect(refusedManifests(textOf(page))).toEqual([]);
  });

  test('links lead somewhere', () => {
    expect(brokenLinks(page, textOf(page))).toEqual([]);
  });

  test('commands would be taken', async () => {
    const refused: string[] = [];
    for (const line of commandsIn(textOf(page))) {
      const why = await refusal(line);
      if (why !== null) refused.push(`${line}: ${why}`);
    }
    expect(refused).toEqual([]);
  });
});

describe('the test itself', () => {
  test('finds manifests that would be refused, and takes the others', () => {
    const part = (cwd: string): string => `\`\`\`yaml\nspec:\n  run: { command: [node], cwd: ${cwd} }\n\`\`\`\n`;
    expect(refusedManifests(part('../weather'))).toEqual([expect.stringContaining('leads out of the folder')]);
    expect(refusedManifests(part('weather'))).toEqual([]);
  });

  test('finds broken links and anchors, and knows good ones', () => {
    expect(
      brokenLinks(
        'README.md',
        '[a](docs/nowhere.md) [b](docs/cli.md) [c](docs/cli.md#fairlead-get) [d](docs/cli.md#nope) [e](https://example.com)',
      ),
    ).toEqual(['docs/nowhere.md', 'docs/cli.md#nope']);
  });

  test('finds commands that would be refused, and takes the others', async () => {
    const text =
      '```console\n$ fairlead get service --wide\n$ npm run nothing\n$ fairlead get services -o wide | head\n$ npx fairlead validate . # all\n$ node scripts/nowhere.ts\n$ npm ci && npm start\noutput\n```\n';
    const found = commandsIn(text);
    expect(found).toHaveLength(6);
    const refused = await Promise.all(found.map(async (line) => ((await refusal(line)) === null ? 'taken' : 'refused')));
    expect(refused).toEqual(['refused', 'refused', 'taken', 'taken', 'refused', 'taken']);
  });
});

test('examples/manifests are valid and begin with their schema', async () => {
  const { compileFiles } = await import('../../src/manifest/workspace.ts');
  const folder = join(root, 'examples/manifests');
  const files = globSync('**/*.yaml', { cwd: folder }).map((path) => ({ path, bytes: readFileSync(join(folder, path)) }));
  const { issues, services } = compileFiles(files, { root: folder });
  expect(issues).toEqual([]);
  expect([...services.keys()]).toEqual(['everything', 'everything-http', 'files', 'memory', 'sequential-thinking']);
  for (const { path, bytes } of files) {
    const schema = /^# yaml-language-server: \$schema=(\S+)\n/.exec(bytes.toString())?.[1];
    expect(schema === undefined ? `${path} has no schema line` : existsSync(join(folder, schema))).toBe(true);
  }
});
