/** How much a store keeps of what only ever grows; the oldest go first. The same for every kind of store. */
export const eventsOfOneService = 1_000;
export const eventsInAll = 10_000;
export const revisionSourcesOfOneService = 20;
/** Twice as many as the services that a controller is made for. One that a Record names never goes. */
export const contractsInAll = 20_000;
/** The most that one query of Events answers. */
export const eventsOfOneQuery = 1_000;
/** How many new Events may gather before the old ones are pruned: a prune looks at all of them. */
export const pruneEvery = 500;
