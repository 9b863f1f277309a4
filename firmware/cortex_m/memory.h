/* Memory protection and caches. */
#ifndef TINYC_MEMORY_H
#define TINYC_MEMORY_H

void memory_protect(void); /* closes everything that the board's TOML and the arena's size do not open */
void memory_unprotect(void);
void caches_enable(void);

#endif
