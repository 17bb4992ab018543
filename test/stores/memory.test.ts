/** The store in memory keeps the same contract as the durable ones. */
import { createMemoryStore } from '../../src/stores/memory.ts';
import { storeContract } from '../ports/store-contract.ts';

storeContract('memory', async (mostContracts) => createMemoryStore(mostContracts));
