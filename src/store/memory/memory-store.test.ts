import { describeStore } from '../store.contract.ts';
import { openMemoryStore } from './memory-store.ts';

describeStore('openMemoryStore()', async (options) => openMemoryStore(options));
