"""Questions about what is held, and their answers: one language for C-FIND and QIDO-RS. Pure."""
