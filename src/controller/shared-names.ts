/** What is said of a name that more than one source declares: each is told of the other, and which of them counts. Pure. */
import type { Issue } from '../model/issue.ts';
import type { DeclaredAt } from './source-declarations.ts';

export interface Contender {
  readonly source: string;
  readonly place: DeclaredAt;
}

/**
 * The Issue that one of the contenders gets. `owner`: the source under which the Service runs, whether or not it declares it now; null
 * when it runs under none. None for a source that is alone with the name and may have it.
 */
export function sharedNameIssues(name: string, source: string, contenders: readonly Contender[], owner: string | null): Issue[] {
  const own = contenders.find((contender) => contender.source === source);
  const others = contenders.filter((contender) => contender !== own);
  if (own === undefined) return [];
  const keeps = owner === source;
  const kept = contenders.some((contender) => contender.source === owner);
  const words = others.map(({ source: other, place }) => `${place.file}:${place.line} of source ${other}`).join(', ');
  const also = `The Service \`${name}\` is also declared in ${words}`;
  if (others.length === 0 && owner === null) return [];
  const message = keeps
    ? `${also}; this one is kept, for it runs from here, and the other is refused.`
    : kept
      ? `${also}; it runs from source ${owner}, and this one is not taken until that one is gone.`
      : others.length > 0
        ? `${also}; neither is taken.`
        : `The Service \`${name}\` runs from source ${owner}, which cannot be read now; this one is not taken until it is known to be gone there.`;
  const { file, line } = own.place;
  return [
    {
      code: 'DuplicateService',
      severity: keeps ? 'warning' : 'error',
      message,
      file,
      line,
      column: 1,
      path: 'metadata.name',
      expected: 'a name of its own',
      subject: name,
    },
  ];
}
