/** The Sources that are configured, each of its kind. The one place that knows which kinds there are. */
import { FairleadError } from '../base/error.ts';
import { createCompiler } from '../compiler/compiler.ts';
import type { SourceParts } from '../controller/parts.ts';
import type { SourceSettings } from '../model/source-settings.ts';
import type { Clock } from '../ports/clock.ts';
import { createFolderSource } from '../sources/folder.ts';

/** A Source that has not been started, with a compiler of its own. Throws Refused for a kind that there is not. */
export function createSource(settings: SourceSettings, clock: Clock): SourceParts {
  const { kind, name } = settings;
  if (kind === 'git') throw new FairleadError('Refused', `The source ${name} is a git repository, which this build does not read.`);
  return { source: createFolderSource({ name, root: settings.path, clock }), kind, location: settings.path, compiler: createCompiler() };
}
