import type { ConfigOptions } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import type { GlobalOptions } from './global-options.ts';

/** What the global options of the command line say, as options of the configuration. */
export function configOptions({ journal }: GlobalOptions): ConfigOptions {
  return journal === undefined ? {} : { journal: { kind: 'embedded', path: journal } };
}

export function readConfig(globals: GlobalOptions) {
  return loadConfig({ options: configOptions(globals), file: globals.config });
}
