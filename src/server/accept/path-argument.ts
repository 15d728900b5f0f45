/** An argument of a command that is this stands for the path of the content that it is asked about. */
export const PATH_ARGUMENT = '{}';
