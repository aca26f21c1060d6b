/** What whoever adds or removes domains has to do besides: what Postfix remembers, no change of ours reaches (RULES 28). */
export const POSTFIX_NOTE = 'Postfix lists domains itself: print "postern postfix" again, then run "postfix reload"';
