/** The Sources that are configured, each of its kind. The one place that knows which kinds there are. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DataDir } from '../base/data-dir.ts';
import { createCompiler } from '../compiler/compiler.ts';
import type { SourceParts } from '../controller/parts.ts';
import type { SourceSettings } from '../model/source-settings.ts';
import type { Clock } from '../ports/clock.ts';
import { createFolderSource } from '../sources/folder.ts';
import { createGitSource } from '../sources/git/git-source.ts';
import { forgeOf, proposalsOf } from './forges.ts';

/** A Source that has not been started, with a compiler of its own. Throws Refused for settings that cannot be. */
export function createSource(settings: SourceSettings, dataDir: DataDir, clock: Clock): SourceParts {
  const { kind, name } = settings;
  const compiler = createCompiler();
  if (kind === 'folder')
    return { source: createFolderSource({ name, root: settings.path, clock }), kind, location: settings.path, compiler };
  const folder = join(dataDir.sources, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const source = createGitSource({ settings, folder, clock });
  const [forge, proposals] = [forgeOf(settings, clock), proposalsOf(settings, clock)];
  const first = settings.paths[0] ?? '.';
  const where = { location: settings.url, ...(first === '.' ? {} : { folder: first }) };
  return { source, kind, drift: settings.drift, ...where, compiler, forge, proposals };
}
