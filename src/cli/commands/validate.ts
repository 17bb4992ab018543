/** `validate`: every Issue of every file, without a controller. */
import { join, relative } from 'node:path';
import { FairleadError } from '../../base/error.ts';
import { compileLocked } from '../../manifest/held-to-lock.ts';
import { compileFiles } from '../../manifest/workspace.ts';
import { isLockPath } from '../../model/lock.ts';
import type { Context } from '../context.ts';
import { readManifests } from '../manifest-files.ts';
import { count, githubText, issueText, junitText, summaryText } from '../view/issues.ts';

/** Exit code 0 when nothing is an error, 1 otherwise. Throws NotFound when there is no lock to hold anything to. */
export async function validate(
  context: Context,
  paths: readonly string[],
  options: { output?: 'json' | 'github' | 'junit'; locked?: true },
): Promise<number> {
  const { terminal } = context;
  const { root, files } = await readManifests(terminal, paths);
  if (options.locked && !files.some(({ path }) => isLockPath(path)))
    throw new FairleadError('NotFound', `There is no fairlead.lock in ${paths.join(', ')}.`, {
      data: { next: 'give the folder that it lies in; `fairlead lock` writes one' },
    });
  const compiled = options.locked ? compileLocked(files, root) : compileFiles(files, { root });
  const { services } = compiled;
  // People click on places and GitHub knows files by the working directory, not by the folder that was given.
  const placed = (file: string): string => relative(terminal.cwd, join(root, file)) || file;
  const issues = compiled.issues.map((issue) => ({ ...issue, file: placed(issue.file) }));
  const counted = count(issues);
  const names = files.map(({ path }) => placed(path));
  switch (options.output) {
    case 'json':
      terminal.out(
        `${JSON.stringify({ valid: counted.errors === 0, ...counted, services: [...services.keys()], files: names, issues }, null, 2)}\n`,
      );
      break;
    case 'github':
      terminal.out(githubText(issues));
      break;
    case 'junit':
      terminal.out(junitText(names, issues));
      break;
    case undefined: {
      const texts = new Map<string, readonly string[]>();
      const linesOf = (file: string): readonly string[] | undefined => {
        const bytes = files.find(({ path }) => placed(path) === file)?.bytes;
        if (bytes !== undefined && !texts.has(file)) texts.set(file, new TextDecoder().decode(bytes).split(/\r?\n/));
        return texts.get(file);
      };
      terminal.out(
        issues
          .map((issue) => `${issueText(issue, terminal.paint, terminal.interactive ? linesOf : null)}${terminal.interactive ? '\n' : ''}`)
          .join(''),
      );
      terminal.out(summaryText(services.size, files.length, counted, terminal.paint));
    }
  }
  return counted.errors === 0 ? 0 : 1;
}
