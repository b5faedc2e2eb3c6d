/* Cores and caches, by hwloc.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "backend/cpu/topology.h"

#include <hwloc.h>
#include <stdio.h>

static int count_inside(hwloc_topology_t t, hwloc_const_cpuset_t set, hwloc_obj_type_t type)
{
    /* a core counts when any of its hardware threads is in the set */
    int count = 0;
    for (hwloc_obj_t o = hwloc_get_next_obj_by_type(t, type, NULL); o;
         o = hwloc_get_next_obj_by_type(t, type, o))
        count += hwloc_bitmap_intersects(o->cpuset, set);
    return count;
}

static int count_all(hwloc_topology_t t, hwloc_obj_type_t type)
{
    const int count = hwloc_get_nbobjs_by_type(t, type);
    return count > 0 ? count : 1;
}

static int64_t cache(hwloc_topology_t t, hwloc_obj_type_t type, int *cores)
{
    hwloc_obj_t o = hwloc_get_obj_by_type(t, type, 0);
    if (!o || !o->attr) return 0;
    if (cores) *cores = count_inside(t, o->cpuset, HWLOC_OBJ_CORE);
    return (int64_t)o->attr->cache.size;
}

static void read_model(hwloc_topology_t t, char *out, size_t bytes)
{
    hwloc_obj_t package = hwloc_get_obj_by_type(t, HWLOC_OBJ_PACKAGE, 0);
    const char *model = package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;
    (void)snprintf(out, bytes, "%s", model ? model : "unknown processor");
}

static void read_cores(hwloc_topology_t t, pp_topology *out)
{
    hwloc_bitmap_t mine = hwloc_bitmap_alloc();
    hwloc_const_cpuset_t set = hwloc_topology_get_topology_cpuset(t);
    if (mine && hwloc_get_cpubind(t, mine, HWLOC_CPUBIND_PROCESS) == 0) set = mine;
    out->cores = count_inside(t, set, HWLOC_OBJ_CORE);
    out->hardware_threads = count_inside(t, set, HWLOC_OBJ_PU);
    if (out->cores < 1) out->cores = out->hardware_threads;
    hwloc_bitmap_free(mine);
}

pp_status pp_topology_read(pp_topology *out)
{
    hwloc_topology_t t;
    if (hwloc_topology_init(&t) != 0)
        return PP_FAIL(PP_ERR_RESOURCE, "hwloc cannot be started: out of memory?");
    if (hwloc_topology_load(t) != 0) {
        hwloc_topology_destroy(t);
        return PP_FAIL(PP_ERR_RESOURCE, "hwloc cannot read this machine's processors");
    }
    *out = (pp_topology){.machine_cores = count_all(t, HWLOC_OBJ_CORE),
                         .machine_threads = count_all(t, HWLOC_OBJ_PU),
                         .numa_nodes = count_all(t, HWLOC_OBJ_NUMANODE),
                         .sockets = count_all(t, HWLOC_OBJ_PACKAGE)};
    read_cores(t, out);
    out->l1_bytes = cache(t, HWLOC_OBJ_L1CACHE, NULL);
    out->l2_bytes = cache(t, HWLOC_OBJ_L2CACHE, &out->l2_cores);
    out->l3_bytes = cache(t, HWLOC_OBJ_L3CACHE, &out->l3_cores);
    out->memory_bytes = (double)hwloc_get_root_obj(t)->total_memory;
    read_model(t, out->model, sizeof out->model);
    hwloc_topology_destroy(t);
    return PP_OK;
}
