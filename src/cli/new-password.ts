/**
 * Where the password of an account comes from: a file, standard input, the terminal, or chance. Never an argument.
 */
import { randomInt } from 'node:crypto';
import type { Command } from 'commander';
import { readNewPassword, type NewPassword, type Terminal } from './terminal.ts';

export interface PasswordOptions {
  readonly passwordFile?: string;
  readonly generate?: true;
}

/** Letters and digits that cannot be taken for one another, however they are printed or read out. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
/** 4 groups of 5 out of 31: 99 bits. */
const GROUPS = 4;
const GROUP_LENGTH = 5;

/** Adds the options to a verb. */
export function addPasswordOptions(command: Command): Command {
  return command
    .option('--password-file <file>', 'read the password from a file, or with - from standard input')
    .option('--generate', 'make a password and print it once');
}

/** Gets the password as the options say. */
export async function choosePassword(options: PasswordOptions, terminal: Terminal): Promise<NewPassword> {
  if (options.generate === true) return { kind: 'read', password: Buffer.from(generatePassword()) };
  return readNewPassword(options, terminal);
}

/** Makes a password that nobody guesses and everybody can type. */
export function generatePassword(): string {
  return Array.from({ length: GROUPS }, generateGroup).join('-');
}

function generateGroup(): string {
  return Array.from({ length: GROUP_LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
}
