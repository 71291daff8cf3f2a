import { silentLog } from '../../lib/log.ts';
import { runtimeContract } from '../runtime.contract.ts';
import { openProcessRuntime } from './runtime.ts';

runtimeContract({
  name: 'process',
  image: 'shell',
  open: (folder) => openProcessRuntime({ folder, images: {}, log: silentLog }),
});
