import { silentLog } from '../../lib/log.ts';
import { execContract } from '../exec.contract.ts';
import { runtimeContract, type RuntimeUnderTest } from '../runtime.contract.ts';
import { openProcessRuntime } from './runtime.ts';

const processRuntime: RuntimeUnderTest = {
  name: 'process',
  image: 'shell',
  open: (folder) => openProcessRuntime({ folder, images: {}, log: silentLog }),
};
runtimeContract(processRuntime);
execContract(processRuntime);
