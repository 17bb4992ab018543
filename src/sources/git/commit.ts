/** A commit object as git stores it, to the facts that people are shown. Its texts are anybody's, so they are made fit to show. Pure. */
import { redact } from '../../base/redact.ts';
import type { CommitFacts } from '../../model/snapshot.ts';

const longestText = 200;

/** The facts, and all parents as they are written in the object, known here or not. */
export interface Commit extends CommitFacts {
  readonly parents: readonly string[];
}

/** What people are shown of it. */
export function factsOf({ parents: _, ...facts }: Commit): CommitFacts {
  return facts;
}

/** From the text of `git cat-file commit`. */
export function parseCommit(id: string, text: string): Commit {
  const end = text.indexOf('\n\n');
  const head = end < 0 ? text : text.slice(0, end);
  const parents = [...head.matchAll(/^parent ([0-9a-f]+)$/gm)].map(([, parent]) => parent!);
  const [, author = '', email = ''] = /^author (.*?) ?<(.*?)> -?\d+ [-+]\d+$/m.exec(head) ?? [];
  const committedAt = Number(/^committer .*> (\d{1,12}) [-+]\d+$/m.exec(head)?.[1] ?? 0) * 1_000;
  const subject =
    end < 0
      ? ''
      : (text
          .slice(end + 2)
          .trimStart()
          .split(/\n\s*\n/)[0] ?? '');
  return { id, parents, parent: parents[0] ?? null, author: shown(author), email: shown(email), subject: shown(subject), committedAt };
}

/** One line, without what would move the cursor, turn the direction of writing or hide. */
function shown(text: string): string {
  const line = text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u2028\u2029]/gu, '\ufffd')
    .trim();
  return redact(
    Array.from(line).length > longestText
      ? `${Array.from(line)
          .slice(0, longestText - 1)
          .join('')}…`
      : line,
  );
}

/** The beginning of a commit's id, as messages name it. */
export function shortId(commit: string): string {
  return commit.slice(0, 10);
}
