/** Where the configuration is looked for. The file is named here, and read in `load-config.ts`. */

const DEFAULT_PATH = '/etc/postern/postern.ini';

/** The file of `-c`, else of `$POSTERN_CONFIG`, else the default; an empty one counts as not given. */
export function findConfigPath(
  options: { readonly config?: string | undefined },
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return options.config || environment['POSTERN_CONFIG'] || DEFAULT_PATH;
}
