/** The post-receive hook of the story's repository: tells a webhook of each ref that was pushed, as Gitea does. Arguments: its address, and the file with its secret. */
import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [address, secretFile] = process.argv.slice(2);
for (const line of readFileSync(0, 'utf8').trim().split('\n')) {
  const [before, after, ref] = line.split(' ');
  const body = JSON.stringify({ ref, before, after });
  const headers = {
    'content-type': 'application/json',
    'x-gitea-event': 'push',
    'x-gitea-delivery': randomUUID(),
    'x-gitea-signature': createHmac('sha256', readFileSync(secretFile!, 'utf8')).update(body).digest('hex'),
  };
  const { status } = await fetch(address!, { method: 'POST', headers, body });
  process.stdout.write(`told of ${ref}: ${status}\n`);
}
