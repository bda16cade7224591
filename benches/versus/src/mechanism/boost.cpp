// Boost.Interprocess's message_queue, as C calls it: nothing is thrown, and what fails says so.

#include <boost/interprocess/ipc/message_queue.hpp>

#include <cstddef>

using boost::interprocess::message_queue;

namespace {

// 1: done. 0: full, or empty. -1: failed.
template <typename Step>
int attempt(Step step) noexcept {
    try {
        return step() ? 1 : 0;
    } catch (...) {
        return -1;
    }
}

}  // namespace

extern "C" {

// A new queue. It stays when this returns.
int boost_queue_create(const char *name, std::size_t messages, std::size_t size) noexcept {
    return attempt([=] {
        message_queue(boost::interprocess::create_only, name, messages, size);
        return true;
    });
}

// One that is there, or null. To be closed.
void *boost_queue_open(const char *name) noexcept {
    try {
        return new message_queue(boost::interprocess::open_only, name);
    } catch (...) {
        return nullptr;
    }
}

void boost_queue_close(void *queue) noexcept {
    delete static_cast<message_queue *>(queue);
}

void boost_queue_remove(const char *name) noexcept {
    message_queue::remove(name);
}

int boost_queue_send(void *queue, const void *message, std::size_t size, bool wait) noexcept {
    auto *to = static_cast<message_queue *>(queue);
    return attempt([=] {
        if (!wait) {
            return to->try_send(message, size, 0);
        }
        to->send(message, size, 0);
        return true;
    });
}

// A message of another size counts as a failure.
int boost_queue_receive(void *queue, void *message, std::size_t size, bool wait) noexcept {
    auto *from = static_cast<message_queue *>(queue);
    message_queue::size_type came = size;
    unsigned int priority;
    int result = attempt([&] {
        if (!wait) {
            return from->try_receive(message, size, came, priority);
        }
        from->receive(message, size, came, priority);
        return true;
    });
    return result == 1 && came != size ? -1 : result;
}

}  // extern "C"
