/** Reads `postern.ini` into the typed, frozen `Config`. */
import { ConfigError } from '../core/errors.ts';

/** Grows with the settings table. */
export interface Config {
  readonly file: string;
}

/** Reads and checks the file; throws ConfigError with every fault found. */
export function loadConfig({ path }: { readonly path: string }): Config {
  throw new ConfigError([{ file: path, reason: 'Cannot read the configuration: the settings table comes next' }]);
}
