/**
 * A scenario: a text that can be read as documentation and played. Lines that begin with `#` tell the story; then come
 * blocks, each a few directives, a line `----`, and what was seen: events with the second they came in, then the state.
 *
 *     commit FILE [and FILE …]   the block's indented text below it, or
 *       change A to B            edits of what the files hold (whole words), in one commit
 *     delete FILE
 *     lock SERVICE tools echo(a) add(a, b)   a commit of fairlead.lock that approves those tools too, or `lock nothing` any more
 *     server V (or SERVICE@V): ready after 3s | never ready | check fail|error | start fails CODE | tools echo(a) add(a, b) | errors 5% | latency 40ms
 *     calls SERVICE 20/s · metric NAME = 3 | down · kill SERVICE V
 *     wait 90s · COMMAND SERVICE (abort, retry, suspend, resume, pause-rollout, resume-rollout, promote, promote-full)
 *     controller restarts | stops · host restarts | stops | starts · gateway stalls | follows · clock +1h
 *     show ConditionType SERVICE
 */
import { parseDuration } from '../../src/base/duration.ts';
import { commandKinds } from '../../src/model/command.ts';
import type { CheckOutcome } from '../../src/model/observation.ts';
import type { Behaviour } from './servers.ts';
import { ScenarioWorld } from './world.ts';

const rule = '----';

/** The same text with what was seen written anew behind each rule. */
export function play(text: string): string {
  const world = new ScenarioWorld();
  const out: string[] = [];
  for (const block of text.trimEnd().split(/\n\n+(?=\S)/)) {
    const lines = block.split('\n');
    const end = lines.indexOf(rule);
    if (end < 0) {
      out.push(block);
      continue;
    }
    const asked = lines.slice(0, end);
    out.push(
      [
        ...asked,
        rule,
        ...perform(
          world,
          asked.filter((line) => !line.startsWith('#')),
        ),
      ].join('\n'),
    );
  }
  return `${out.join('\n\n')}\n`;
}

function perform(world: ScenarioWorld, lines: readonly string[]): string[] {
  const seen: string[] = [];
  for (let index = 0; index < lines.length;) {
    const body: string[] = [];
    const directive = lines[index++]!;
    while (index < lines.length && lines[index]!.startsWith('  ')) body.push(lines[index++]!.slice(2));
    seen.push(...obey(world, directive, body));
    for (const { second, service, reason, message } of world.told.splice(0))
      if (reason !== 'InstanceStopped')
        seen.push(`${second}s ${service} ${reason}: ${world.servers.readable(message).replaceAll('\n', ' ')}`);
  }
  return [...seen, ...world.status().map((line) => `=> ${world.servers.readable(line)}`)];
}

/** What it has to say beyond the events that follow from it. */
function obey(world: ScenarioWorld, directive: string, body: readonly string[]): string[] {
  const [word = '', ...rest] = directive.split(' ');
  const what = rest.join(' ');
  switch (word) {
    case 'commit':
      return world.commit(editsOf(world, what, body));
    case 'delete':
      return world.commit({ [what]: null });
    case 'lock':
      return world.lock(rest[0]!, what === 'nothing' ? null : toolsOf(rest.slice(1).join(' ')));
    case 'server':
      behave(world, what);
      return [];
    case 'calls':
      world.calls(rest[0]!, Number.parseFloat(rest[1]!));
      return [];
    case 'metric':
      world.metrics.set(
        rest[0]!,
        rest[1] === 'down' ? { value: null, error: 'connection refused' } : { value: Number(rest[2]), error: null },
      );
      return [];
    case 'kill':
      world.kill(rest[0]!, rest[1]!);
      return [];
    case 'wait':
      world.wait(durationOf(what) / 1_000);
      return [];
    case 'controller':
      if (what === 'stops') world.controllerDown = true;
      else world.restartController();
      return [];
    case 'host':
      if (what === 'restarts') world.restartHost();
      else if (what === 'stops') world.stopHost();
      else world.startHost();
      return [];
    case 'gateway':
      world.gatewayStalled = what === 'stalls';
      world.wait(0);
      return [];
    case 'clock':
      world.setClock((what.startsWith('-') ? -1 : 1) * durationOf(what.slice(1)));
      return [];
    case 'show':
      return [world.condition(rest[0]!, rest[1]!)];
    default: {
      const kind = commandKinds.find((known) => known === word);
      if (kind === undefined) throw new Error(`no such directive: ${directive}`);
      world.command(what, kind);
      return [];
    }
  }
}

function durationOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new Error(`${text} is not a duration`);
  return ms;
}

function editsOf(world: ScenarioWorld, what: string, body: readonly string[]): Record<string, string> {
  const files = what.split(' and ');
  if (!body.every((line) => line.startsWith('change '))) return { [files[0]!]: `${body.join('\n')}\n` };
  return Object.fromEntries(
    files.map((file) => {
      let text = world.text(file);
      for (const line of body) {
        const [, from = '', to = ''] = /^change (.*) to (.*)$/.exec(line) ?? [];
        if (files.length === 1 && !text.includes(from)) throw new Error(`${file} holds no ${from}`);
        text = text.replaceAll(new RegExp(String.raw`(?<!\w)${RegExp.escape(from)}(?!\w)`, 'g'), to);
      }
      return [file, text];
    }),
  );
}

function behave(world: ScenarioWorld, what: string): void {
  const [version = '', manner = ''] = what.split(': ');
  const [first, second, third] = manner.split(' ');
  const change: Partial<Behaviour> =
    manner === 'never ready'
      ? { readyAfter: null }
      : first === 'ready'
        ? { readyAfter: durationOf(third!) / 1_000 }
        : first === 'check'
          ? { check: second as CheckOutcome }
          : first === 'start'
            ? { startFails: second === 'fails' ? third! : null }
            : first === 'errors'
              ? { errors: Number.parseFloat(second!) / 100 }
              : first === 'latency'
                ? { latencyMs: durationOf(second!) }
                : { tools: toolsOf(manner) };
  world.servers.behave(version, change);
}

function toolsOf(manner: string): Behaviour['tools'] {
  const found = manner.slice('tools '.length).matchAll(/(\w+)\(([^)]*)\)/g);
  return Object.fromEntries([...found].map(([, name, list]) => [name!, list === '' ? [] : list!.split(', ')]));
}
