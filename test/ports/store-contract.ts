/** What every Store does: one suite, run against each kind. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventDraft } from '../../src/model/event.ts';
import type { ServiceRecord } from '../../src/model/record.ts';
import type { Service } from '../../src/model/service.ts';
import type { Change, Store } from '../../src/ports/store.ts';

/** A Record of which only the given fields matter to a store. */
export function recordOf(service: string, fields: Partial<ServiceRecord> = {}): ServiceRecord {
  return { service, generation: 1, state: 'Active', commandId: 0, conditions: [], instances: [], ...fields } as unknown as ServiceRecord;
}

export function draftOf(service: string | null, reason = 'StateChanged'): EventDraft {
  return {
    service,
    type: 'Normal',
    reason,
    message: `${reason} of ${service}`,
    at: 7,
    revision: null,
    snapshot: null,
    actor: 'controller',
  };
}

export function changeOf(record: ServiceRecord, fields: Partial<Change> = {}): Change {
  return { record, events: [], archive: false, ...fields };
}

/** So many Contracts do the stores keep here. */
const mostContracts = 50;

/** Runs the suite; `open` is called once a test and what it returns is closed after it. */
export function storeContract(kind: string, open: (mostContracts: number) => Promise<Store>): void {
  describe(`${kind} as a Store`, () => {
    let store: Store;
    let epoch: number;

    beforeEach(async () => {
      store = await open(mostContracts);
      epoch = await store.takeEpoch();
    });

    afterEach(async () => store.close());

    it('hands out each epoch once, growing', async () => {
      expect(await store.takeEpoch()).toBe(epoch + 1);
      expect(await store.takeEpoch()).toBe(epoch + 2);
    });

    it('gives back Records as they were saved, sorted by name', async () => {
      await store.save(epoch, [changeOf(recordOf('b')), changeOf(recordOf('a', { generation: 3 }))]);
      await store.save(epoch, [changeOf(recordOf('b', { state: 'Error' }))]);
      expect(await store.records()).toEqual([recordOf('a', { generation: 3 }), recordOf('b', { state: 'Error' })]);
    });

    it('numbers Events in the order in which they happened, across services', async () => {
      const saved = await store.save(epoch, [
        changeOf(recordOf('a'), { events: [draftOf('a', 'One'), draftOf('a', 'Two')] }),
        changeOf(recordOf('b'), { events: [draftOf('b', 'Three')] }),
      ]);
      const appended = await store.append(epoch, [draftOf(null, 'Four')]);
      expect(saved.map((event) => event.reason)).toEqual(['One', 'Two', 'Three']);
      const all = await store.events({});
      expect(all).toEqual([...saved, ...appended]);
      expect(all.map((event) => event.seq)).toEqual(all.map((_, index) => all[0]!.seq + index));
    });

    it('answers the newest Events of a service, oldest first, after a number', async () => {
      for (let index = 0; index < 5; index += 1) await store.append(epoch, [draftOf('a', `A${index}`), draftOf('b', `B${index}`)]);
      const newest = await store.events({ service: 'a', limit: 2 });
      expect(newest.map((event) => event.reason)).toEqual(['A3', 'A4']);
      expect((await store.events({ service: 'a', after: newest[0]!.seq })).map((event) => event.reason)).toEqual(['A4']);
      expect(await store.events({ service: 'c' })).toEqual([]);
    });

    it('keeps a bounded number of Events and goes on counting', async () => {
      for (let round = 0; round < 4; round += 1) {
        await store.append(
          epoch,
          Array.from({ length: 600 }, () => draftOf('noisy')),
        );
      }
      await store.append(epoch, [draftOf('quiet'), ...Array.from({ length: 600 }, () => draftOf('noisy'))]);
      const oldest = (await store.events({ service: 'noisy' }))[0]!;
      expect(oldest.seq).toBeGreaterThan(1_000);
      expect(await store.events({ service: 'quiet' })).toHaveLength(1);
      expect((await store.append(epoch, [draftOf('a')]))[0]!.seq).toBe(3_002);
    });

    it('refuses every write of an epoch that has been followed, and changes nothing', async () => {
      await store.save(epoch, [changeOf(recordOf('a'))]);
      const next = await store.takeEpoch();
      const stale = { code: 'StaleEpoch' };
      await expect(store.save(epoch, [changeOf(recordOf('a', { generation: 2 }))])).rejects.toMatchObject(stale);
      await expect(store.append(epoch, [draftOf('a')])).rejects.toMatchObject(stale);
      await expect(store.addCommand(epoch, { service: 'a', kind: 'abort', uid: 1, at: 1 })).rejects.toMatchObject(stale);
      await expect(store.saveSetting(epoch, 'key', 'value')).rejects.toMatchObject(stale);
      await expect(store.addUsage(epoch, [])).rejects.toMatchObject(stale);
      expect(await store.records()).toEqual([recordOf('a')]);
      await expect(store.save(next, [changeOf(recordOf('a', { generation: 2 }))])).resolves.toEqual([]);
    });

    it('moves a Record to the archive, and back when it is saved again', async () => {
      await store.save(epoch, [changeOf(recordOf('a')), changeOf(recordOf('b'))]);
      await store.save(epoch, [changeOf(recordOf('a', { generation: 9 }), { archive: true, events: [draftOf('a', 'Archived')] })]);
      expect((await store.records()).map((record) => record.service)).toEqual(['b']);
      expect(await store.archived('a')).toEqual(recordOf('a', { generation: 9 }));
      expect((await store.events({ service: 'a' })).map((event) => event.reason)).toEqual(['Archived']);
      await store.save(epoch, [changeOf(recordOf('a', { generation: 10 }))]);
      expect(await store.archived('a')).toBeNull();
      expect((await store.records()).map((record) => record.service)).toEqual(['a', 'b']);
    });

    it('moves one Record to the archive and saves another in one step', async () => {
      await store.save(epoch, [changeOf(recordOf('old'))]);
      await store.save(epoch, [changeOf(recordOf('old', { nextIncarnation: 7 }), { archive: true }), changeOf(recordOf('new'))]);
      expect((await store.records()).map((record) => record.service)).toEqual(['new']);
      expect(await store.archived('old')).toMatchObject({ nextIncarnation: 7 });
    });

    it('keeps Commands until a Record says that it took them, and never reuses an id', async () => {
      const first = await store.addCommand(epoch, { service: 'a', kind: 'suspend', uid: 5, at: 1 });
      const second = await store.addCommand(epoch, { service: 'a', kind: 'resume', uid: 5, at: 2 });
      await store.addCommand(epoch, { service: 'b', kind: 'abort', uid: 5, at: 3 });
      expect(await store.commands('a', 0)).toEqual([first, second]);
      expect(await store.commands('a', first.id)).toEqual([second]);
      await store.save(epoch, [changeOf(recordOf('a', { commandId: second.id }))]);
      expect(await store.commands('a', 0)).toEqual([]);
      expect((await store.addCommand(epoch, { service: 'a', kind: 'abort', uid: 5, at: 4 })).id).toBeGreaterThan(second.id + 1);
    });

    it('drops the Commands of a service that goes to the archive', async () => {
      await store.addCommand(epoch, { service: 'a', kind: 'suspend', uid: 5, at: 1 });
      await store.save(epoch, [changeOf(recordOf('a'), { archive: true })]);
      expect(await store.commands('a', 0)).toEqual([]);
    });

    it('keeps Contracts by hash', async () => {
      const contract = {
        hash: 'h1',
        tools: [{ name: 't', inputSchema: { type: 'object' } }],
        prompts: [],
        resources: [],
        resourceTemplates: [],
      };
      await store.saveContract(epoch, contract);
      await store.saveContract(epoch, contract);
      expect(await store.contract('h1')).toEqual(contract);
      expect(await store.contract('h2')).toBeNull();
    });

    it('lets the oldest Contracts go, but none that a Record names', async () => {
      const contract = (hash: string) => ({ hash, tools: [], prompts: [], resources: [], resourceTemplates: [] });
      await store.save(epoch, [changeOf(recordOf('a', { stableContract: 'named' }))]);
      for (const hash of ['named', 'nobodys']) await store.saveContract(epoch, contract(hash));
      for (let index = 0; index < mostContracts; index += 1) await store.saveContract(epoch, contract(`h${index}`));
      expect(await store.contract('named')).not.toBeNull();
      expect(await store.contract('nobodys')).toBeNull();
      expect(await store.contract('h1')).not.toBeNull();
    });

    it('adds up usage by service, tool and day', async () => {
      const day = (service: string, on: string, calls: number) => ({ service, tool: 't', day: on, calls, errors: 1, latencySumMs: 2.5 });
      await store.addUsage(epoch, [day('a', '2026-01-01', 1), day('a', '2026-01-02', 2)]);
      await store.addUsage(epoch, [day('a', '2026-01-02', 3), day('b', '2026-01-02', 4)]);
      expect(await store.usage('a', '2026-01-02')).toEqual([{ ...day('a', '2026-01-02', 5), errors: 2, latencySumMs: 5 }]);
      expect((await store.usage(null, '2026-01-01')).map((usage) => [usage.service, usage.day])).toEqual([
        ['a', '2026-01-01'],
        ['a', '2026-01-02'],
        ['b', '2026-01-02'],
      ]);
    });

    it('keeps settings, and forgets one that is set to null', async () => {
      await store.saveSetting(epoch, 'snapshot', 'one');
      await store.saveSetting(epoch, 'snapshot', 'two');
      expect(await store.setting('snapshot')).toBe('two');
      await store.saveSetting(epoch, 'snapshot', null);
      expect(await store.setting('snapshot')).toBeNull();
      expect(await store.setting('epoch')).toBeNull();
    });

    it('keeps how the newest twenty Revisions of a service were declared', async () => {
      const source = (service: string, index: number) => ({
        service,
        revision: `r${index}`,
        resolved: { name: service } as unknown as Service,
        text: `kind: Service # ${index}`,
        at: index,
      });
      await store.saveRevisionSources(epoch, [source('b', 0)]);
      for (let index = 0; index < 25; index += 1) await store.saveRevisionSources(epoch, [source('a', index)]);
      await store.saveRevisionSources(epoch, [{ ...source('a', 10), text: 'again', at: 30 }]);
      expect(await store.revisionSource('a', 'r4')).toBeNull();
      expect(await store.revisionSource('a', 'r24')).toEqual(source('a', 24));
      expect(await store.revisionSource('a', 'r10')).toMatchObject({ text: 'again' });
      expect(await store.revisionSource('b', 'r0')).toEqual(source('b', 0));
    });
  });
}
