/** The settings as texts, for people and scripts: what `postern config` shows. */
import { DEFAULT_NAME, kindOf, type EffectiveSetting } from './evaluate.ts';
import { loadSettings, parseConfig } from './load-config.ts';

export interface ShownSetting {
  readonly key: string;
  readonly text: string;
  readonly isDefault: boolean;
}

export interface ShownSection {
  /** `sasl`, `passdb local`. */
  readonly name: string;
  /** `sasl`, `passdb`. */
  readonly kind: string;
  /** False for a database that is not there by default: that it is there is a difference by itself. */
  readonly isDefault: boolean;
  readonly entries: readonly ShownSetting[];
}

/** Lists every section in the order of the table; without a path, the defaults. Throws ConfigError. */
export function listSettings(path: string | undefined): ShownSection[] {
  const { settings } = path === undefined ? parseConfig('', 'defaults') : loadSettings({ path });
  const names = [...new Set(settings.map(({ section }) => section))];
  return names.map((name) => {
    const kind = kindOf(name);
    const isAlone = names.filter((other) => kindOf(other) === kind).length === 1;
    const entries = settings.filter(({ section }) => section === name).map(showSetting);
    return { name, kind, isDefault: name === kind || (isAlone && name === `${kind} ${DEFAULT_NAME}`), entries };
  });
}

function showSetting({ key, text, defaultText }: EffectiveSetting): ShownSetting {
  return { key, text, isDefault: text === defaultText };
}
