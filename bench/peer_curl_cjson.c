/* peer_curl_cjson.c: what somebody would write without this library: a fetcher on libcurl's multi interface, whose
 * pages go to Lua and lua-cjson.
 *
 *     peer_curl_cjson URL PAGES STRIDE UNDER_WAY [download]
 *
 * Gets URL?limit=200&offset=0, STRIDE, 2 * STRIDE ..., UNDER_WAY at a time over kept connections, decodes every page
 * and looks at every record once, in the order of arrival. `download`: the pages are thrown away instead. Prints how
 * many records (or pages) there were. Must not know: seams, repeats, limits. */
#include <curl/curl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_UNDER_WAY = 64 };

struct fetch {
    CURL *easy;
    char *data;
    size_t size, capacity;
};

struct job {
    CURLM *multi;
    lua_State *L;
    const char *url;
    long pages, stride, next;
    long seen;
    bool keep;
};

static size_t take(char *bytes, size_t size, size_t count, void *owner) {
    struct fetch *fetch = owner;
    size *= count;
    if (fetch->size + size > fetch->capacity) {
        size_t capacity = fetch->capacity > 0 ? fetch->capacity : 65536;
        while (capacity < fetch->size + size) {
            capacity *= 2;
        }
        char *data = realloc(fetch->data, capacity);
        if (data == NULL) {
            return 0;
        }
        fetch->data = data;
        fetch->capacity = capacity;
    }
    memcpy(fetch->data + fetch->size, bytes, size);
    fetch->size += size;
    return size;
}

static size_t drop(char *bytes, size_t size, size_t count, void *owner) {
    (void)bytes;
    (void)owner;
    return size * count;
}

static const char consumer[] = "local decode = require('cjson').decode\n"
                               "return function(text)\n"
                               "  local seen = 0\n"
                               "  for _, record in ipairs(decode(text).data) do\n"
                               "    if record.id then seen = seen + 1 end\n"
                               "  end\n"
                               "  return seen\n"
                               "end\n";

static void ask(struct job *job, struct fetch *fetch) {
    char url[512];
    snprintf(url, sizeof url, "%s?limit=200&offset=%ld", job->url, job->next++ * job->stride);
    fetch->size = 0;
    curl_easy_setopt(fetch->easy, CURLOPT_URL, url);
    curl_multi_add_handle(job->multi, fetch->easy);
}

static void consume(struct job *job, const struct fetch *fetch) {
    if (!job->keep) {
        job->seen++;
        return;
    }
    lua_pushvalue(job->L, 1);
    lua_pushlstring(job->L, fetch->data, fetch->size);
    lua_call(job->L, 1, 1);
    job->seen += (long)lua_tonumber(job->L, -1);
    lua_pop(job->L, 1);
}

static bool run(struct job *job) {
    int running = 0;
    int left;
    do {
        curl_multi_perform(job->multi, &running);
        CURLMsg *message;
        while ((message = curl_multi_info_read(job->multi, &left)) != NULL) {
            char *fetch = NULL;
            long status = 0;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
            curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
            if (message->data.result != CURLE_OK || status != 200) {
                fprintf(stderr, "peer: status %ld, %s\n", status, curl_easy_strerror(message->data.result));
                return false;
            }
            curl_multi_remove_handle(job->multi, message->easy_handle);
            consume(job, (struct fetch *)(void *)fetch);
            if (job->next < job->pages) {
                ask(job, (struct fetch *)(void *)fetch);
                running++;
            }
        }
        if (running > 0) {
            curl_multi_poll(job->multi, NULL, 0, 1000, NULL);
        }
    } while (running > 0);
    return true;
}

static void set_up(struct fetch *fetch, bool keep) {
    fetch->easy = curl_easy_init();
    curl_easy_setopt(fetch->easy, CURLOPT_WRITEFUNCTION, keep ? take : drop);
    curl_easy_setopt(fetch->easy, CURLOPT_WRITEDATA, fetch);
    curl_easy_setopt(fetch->easy, CURLOPT_PRIVATE, fetch);
    curl_easy_setopt(fetch->easy, CURLOPT_NOPROXY, "*");
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: peer_curl_cjson URL PAGES STRIDE UNDER_WAY [download]\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct job job = {
        .multi = curl_multi_init(),
        .L = luaL_newstate(),
        .url = argv[1],
        .pages = strtol(argv[2], NULL, 10),
        .stride = strtol(argv[3], NULL, 10),
        .keep = argc < 6,
    };
    long under_way = strtol(argv[4], NULL, 10);
    static struct fetch fetches[MOST_UNDER_WAY];
    if (job.L == NULL || under_way < 1 || under_way > MOST_UNDER_WAY) {
        return 2;
    }
    luaL_openlibs(job.L);
    if (luaL_dostring(job.L, consumer) != 0) {
        fprintf(stderr, "peer: %s\n", lua_tostring(job.L, -1));
        return 2;
    }
    for (long i = 0; i < under_way; i++) {
        set_up(&fetches[i], job.keep);
        if (job.next < job.pages) {
            ask(&job, &fetches[i]);
        }
    }
    bool good = run(&job);
    printf("%ld\n", job.seen);
    for (long i = 0; i < under_way; i++) {
        curl_easy_cleanup(fetches[i].easy);
        free(fetches[i].data);
    }
    curl_multi_cleanup(job.multi);
    lua_close(job.L);
    return good ? 0 : 1;
}
