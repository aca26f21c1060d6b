/** The command: arguments, signals, exit code. The only file that ends the process. */
console.log('postern');
