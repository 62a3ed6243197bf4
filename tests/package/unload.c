/* A plugin's host: unload PLUGIN. It loads the plugin, lets it score on two threads, unloads it and lives on. The threads of the OpenMP
   runtime live on as well, so their code must stay. */

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: unload PLUGIN\n");
    return 2;
  }
  void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  /* A function is no object in C99, whose pointers are of one size where there is dlsym. */
  int (*score)(void) = NULL;
  if (plugin != NULL) *(void**)&score = dlsym(plugin, "score");
  if (score == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  const int scored = score();
  const int unloaded = dlclose(plugin) == 0;
  sleep(1);
  printf("scored %d, unloaded %d\n", scored, unloaded);
  return scored && unloaded ? 0 : 1;
}
